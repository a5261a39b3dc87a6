// A COPY that a RUN follows writes its snapshot in the pass that writes its layer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "layerfs/ingest.h"
#include "tests/support/test_build.h"

namespace imgb {
namespace {

using ::testing::IsEmpty;

/// Everything below a folder, one line each; names of one file share a number.
void list_into(const Dir& dir, const std::string& prefix, std::map<std::uint64_t, std::size_t>& links,
               std::vector<std::string>& out) {
  for (const Dir::Entry& entry : dir.list()) {
    FileStat s = dir.stat(entry.name);
    std::string line = fmt::format("{}/{} {} {:o} {}:{} {} {}", prefix, entry.name, static_cast<int>(s.type), s.mode,
                                   s.uid, s.gid, s.mtime, s.rdev);
    if (s.type == FileType::regular) {
      line += fmt::format(" {} file {}", Digest::of(dir.read_file(entry.name, 1 << 24)).short_hex(),
                          links.try_emplace(s.inode, links.size()).first->second);
    }
    if (s.type == FileType::symlink) line += " -> " + dir.read_link(entry.name);
    for (const auto& [key, value] : dir.xattrs(entry.name)) line += fmt::format(" {}={}", key, value);
    out.push_back(line);
    if (s.type == FileType::directory) list_into(dir.open_dir(entry.name), prefix + "/" + entry.name, links, out);
  }
}

using Clock = std::chrono::steady_clock;

class CopyUnpack : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "owners can be given only by root";
  }
  std::vector<std::string> list(const std::string& snapshot) {
    std::vector<std::string> out;
    std::map<std::uint64_t, std::size_t> links;
    Dir dir = t.snapshots.folder().open_dir(snapshot);
    FileStat root = dir.stat(".");
    out.push_back(fmt::format("{:o} {}:{} {}", root.mode, root.uid, root.gid, root.mtime));
    list_into(dir, "", links, out);
    return out;
  }
  std::vector<std::string> snapshots_of(std::span<const Layer> stack) {
    return t.snapshots.ensure(stack, stream_from(t.store.blobs()), {}, {});
  }

  TestBuild t;
};

TEST_F(CopyUnpack, TheSnapshotIsWhatTheLayerUnpacksTo) {
  t.write("tree/plain", "text");
  t.write("tree/setuid", "text", 04755);
  t.write("tree/large", std::string(3'000'000, 'x'), 0600);
  t.write("tree/closed/inside", "x");
  std::filesystem::path tree = t.context_.path() / "tree";
  std::filesystem::create_hard_link(tree / "plain", tree / "linked");
  std::filesystem::create_symlink("plain", tree / "symlink");
  ASSERT_EQ(::mkfifo((tree / "fifo").c_str(), 0640), 0);
  ASSERT_EQ(::setxattr((tree / "plain").c_str(), "user.note", "v", 1, 0), 0);
  ASSERT_EQ(::chmod((tree / "closed").c_str(), 0500), 0);
  auto result = t.build(
      "FROM scratch\nCOPY --chown=7:8 tree/closed /base/\nWORKDIR /base/w\nCOPY --chown=5:6 tree /base/d\nRUN x\n");
  ASSERT_EQ(result.layers.size(), 4u);
  std::span<const Layer> copied(result.layers.data(), 3);
  std::vector<std::vector<std::string>> adopted;
  EXPECT_TRUE(t.snapshots.has(copied));
  for (const std::string& name : snapshots_of(copied)) adopted.push_back(list(name));
  std::vector<std::string> unpacked;
  for (const auto& snapshot : t.snapshots.list()) unpacked.push_back(snapshot.name);
  t.snapshots.take_out(CollectionLock(t.store.root()), unpacked);
  SnapshotStore anew(t.store);
  std::vector<std::string> names = anew.ensure(copied, stream_from(t.store.blobs()), {}, {});
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(list(names[i]), adopted[i]) << i;
  EXPECT_GT(adopted[2].size(), 9u);
}

TEST_F(CopyUnpack, NothingIsUnpackedWhenNoRunFollows) {
  t.write("a", "1");
  t.write("b/c", std::string(5'000'000, 'x'));
  t.build("FROM scratch\nCOPY a /\nWORKDIR /w\nCOPY b /b\n");
  EXPECT_THAT(t.snapshots.list(), IsEmpty());
  for (const auto& entry : t.snapshots.folder().list()) EXPECT_THAT(entry.name, testing::StartsWith("lock-"));
}

TEST_F(CopyUnpack, OfAChangedTreeTheSnapshotIsMadeAnewAndTheStepSeesIt) {
  t.write("d/a", "1");
  t.write("d/b", "2");
  std::string text;
  t.runner.command = [&](const StepSpec& spec, const Dir&, Sink&) {
    text = t.snapshots.folder().read_file(spec.root.lower.front() + "/d/a", 10);
    return 0;
  };
  t.build("FROM scratch\nCOPY d /d\nRUN x\n");
  EXPECT_EQ(text, "1");
  t.write("d/a", "changed");
  t.build("FROM scratch\nCOPY d /d\nRUN x\n");
  EXPECT_EQ(text, "changed");
}

TEST_F(CopyUnpack, AFailedCopyLeavesNoSnapshotAndNoScratch) {
  t.write("a", "1");
  EXPECT_THROW(t.build("FROM scratch\nCOPY a /x\nCOPY a /x/y\nRUN x\n"), Error);
  EXPECT_EQ(t.snapshots.list().size(), 1u);
  auto scratch = [&] {
    std::vector<std::string> names;
    for (const auto& entry : t.snapshots.folder().list())
      if (entry.name.starts_with("s-")) names.push_back(entry.name);
    return names;
  };
  // It is taken away by a thread that the build does not wait for.
  for (auto end = Clock::now() + std::chrono::seconds(10); !scratch().empty() && Clock::now() < end;)
    std::this_thread::yield();
  EXPECT_THAT(scratch(), IsEmpty());
}

}  // namespace
}  // namespace imgb
