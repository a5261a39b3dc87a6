#include "sandbox/containers.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/base/error.h"
#include "sandbox/container_files.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

class ContainersTest : public ::testing::Test {
 protected:
  ContainersTest() : containers_(temp_.dir()) {}
  Container create(const std::string& name = "", Nanoseconds created = 0) {
    ContainerConfig config{
        .name = name, .image = "app", .command = {"sh", "-c", "caf\xC3\xA9 \xFF"}, .created = created};
    config.request = "{\"opaque\":1}";
    return containers_.create(config);
  }
  std::string log_of(const std::string& id, bool follow = false) {
    std::string text;
    read_log(containers_, id, follow, {},
             [&](const LogRecord& r) { text += (r.stream == ContainerOwner::Stream::out ? "o:" : "e:") + r.bytes; });
    return text;
  }
  TempDir temp_;
  Containers containers_;
};

TEST_F(ContainersTest, WhatIsCreatedIsFoundByNameIdAndPrefix) {
  Container made = create("web");
  EXPECT_EQ(made.config.id.size(), 64u);
  for (const std::string& key : {std::string("web"), made.config.id, made.config.id.substr(0, 12)}) {
    Container found = containers_.get(key);
    EXPECT_EQ(found.config.id, made.config.id) << key;
    EXPECT_EQ(found.config.command, made.config.command);
    EXPECT_EQ(found.config.request, made.config.request);
    EXPECT_EQ(found.state.phase, ContainerState::Phase::created);
  }
  EXPECT_THROW(containers_.get("nobody"), Error);
  EXPECT_THROW(containers_.get(""), Error);
}

TEST_F(ContainersTest, NamesAreUniqueAndWellFormed) {
  create("web");
  EXPECT_THROW(create("web"), Error);
  for (const char* bad : {"-x", "a", "a b", "../x", "a/b"}) EXPECT_THROW(create(bad), Error) << bad;
  EXPECT_FALSE(create().config.name.empty());
}

TEST_F(ContainersTest, NewestComesFirst) {
  create("old", 1);
  create("new", 2);
  EXPECT_EQ(containers_.list().at(0).config.name, "new");
}

TEST_F(ContainersTest, ARunningContainerHasOneOwnerAndIsNotRemoved) {
  Container made = create("web");
  {
    ContainerOwner owner(containers_, made.config.id);
    owner.started(1234, 1235, {});
    EXPECT_EQ(containers_.get("web").state.phase, ContainerState::Phase::running);
    EXPECT_THROW(ContainerOwner(containers_, made.config.id), Error);
    EXPECT_THROW(containers_.remove(made.config.id), Error);
    owner.exited({.status = {.code = 3}}, 5);
  }
  Container over = containers_.get("web");
  EXPECT_EQ(over.state.phase, ContainerState::Phase::exited);
  EXPECT_EQ(over.state.exit_code, 3);
  containers_.remove(made.config.id);
  EXPECT_TRUE(containers_.list().empty());
}

TEST_F(ContainersTest, WhatAKilledProcessLeftIsFoundAndRemoved) {
  Container kept = create("kept");
  Dir folder = temp_.dir();
  std::string id = std::string(64, 'a');
  for (std::string name : {".new-" + id, ".old-" + id, ".old-" + kept.config.id}) {
    folder.make_dir(name, 0700);
    folder.replace_file(name + "/lock", "", 0600);
  }
  Fd lock_of_remover = folder.open_file(".old-" + id + "/lock", O_RDONLY);
  ASSERT_TRUE(try_lock(lock_of_remover));
  FileLock names = containers_.lock_names();
  EXPECT_EQ(containers_.list_remains(names), (std::vector{".new-" + id, ".old-" + kept.config.id}));
  lock_of_remover.reset();
  for (const std::string& remains : containers_.list_remains(names)) containers_.remove_remains(names, remains);
  EXPECT_TRUE(containers_.list_remains(names).empty());
  EXPECT_EQ(folder.list().size(), 2u) << "the container and the lock";
  EXPECT_EQ(containers_.list().size(), 1u);
}

TEST_F(ContainersTest, AContainerWhoseOwnerDiedShowsAsKilled) {
  Container made = create("web");
  { ContainerOwner(containers_, made.config.id).started(1234, 1235, {}); }
  EXPECT_EQ(containers_.get("web").state.phase, ContainerState::Phase::exited);
  EXPECT_EQ(containers_.get("web").state.exit_code, 137);
}

TEST_F(ContainersTest, TheLogKeepsBytesStreamsAndOrder) {
  Container made = create("web");
  ContainerOwner owner(containers_, made.config.id);
  owner.log(ContainerOwner::Stream::out, as_bytes("one\n2 1 3\n"));
  owner.log(ContainerOwner::Stream::err, as_bytes("two"));
  EXPECT_EQ(log_of(made.config.id), "o:one\n2 1 3\ne:two");
}

TEST_F(ContainersTest, FollowingEndsWithTheContainerAndMissesNothing) {
  Container made = create("web");
  std::optional<ContainerOwner> owner(std::in_place, containers_, made.config.id);
  owner->log(ContainerOwner::Stream::out, as_bytes("a"));
  std::string text;
  std::jthread reader([&] { text = log_of(made.config.id, true); });
  for (int i = 0; i < 100; ++i) owner->log(ContainerOwner::Stream::out, as_bytes("b"));
  owner.reset();
  reader.join();
  EXPECT_EQ(text.size(), 3 * 101u) << "o: and the byte, 101 times";
}

TEST(ContainerFiles, ARecordThatIsNotWholeWaits) {
  std::string buffer = "5 1 3\nab";
  int records = 0;
  auto count = [&](const LogRecord& r) {
    ++records;
    EXPECT_EQ(r.bytes, "abc");
  };
  take_log_records(buffer, count);
  EXPECT_EQ(records, 0);
  buffer += "c\n";
  take_log_records(buffer, count);
  EXPECT_EQ(records, 1);
  EXPECT_TRUE(buffer.empty());
  std::string junk = "not a record\n";
  EXPECT_THROW(take_log_records(junk, count), Error);
}

}  // namespace
}  // namespace imgb
