#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/error.h"
#include "layerfs/snapshot_lock.h"
#include "layerfs/snapshot_marks.h"
#include "layerfs/snapshot_store.h"
#include "tests/support/tar_forger.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

// Several that use the snapshots at once: who waits for whom, and what each may believe of what it sees.

namespace imgb {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

class SnapshotRace : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "unpacking with owners needs root";
  }
  Layer layer(const std::string& text) { return TreeBuilder().file("/f", text).write_layer(store); }
  std::string ensure(SnapshotStore& in, const Layer& one) {
    return in.ensure(std::vector{one}, stream_from(store.blobs()), {}, {}).at(0);
  }
  static StackKey stack_of(const Layer& one) { return stack_key({&one, 1}).value(); }

  TempDir folder;
  Store store = Store::open(folder.path() / "store");
  SnapshotStore snapshots{store};
};

TEST_F(SnapshotRace, AStepIsKeptWhileAnotherProcessUnpacksManyOtherLayers) {
  std::vector<Layer> foreign;
  for (int i = 0; i < 40; ++i) foreign.push_back(layer("foreign " + std::to_string(i)));
  std::atomic<bool> started = false, release = false;
  std::jthread other([&] {
    Store own = Store::open(folder.path() / "store");
    SnapshotStore theirs(own);
    StreamBlob slow = [&](const Descriptor& blob, Sink& into) {
      started = true;
      started.notify_all();
      release.wait(false);
      stream_from(own.blobs())(blob, into);
    };
    theirs.ensure(foreign, slow, {}, {});
  });
  started.wait(false);
  std::jthread in_the_end([&](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock hold(mutex);
    std::condition_variable_any().wait_for(hold, stop, 10s, [] { return false; });
    release = true;
    release.notify_all();
  });
  for (int i = 0; i < 20; ++i) {
    auto scratch = snapshots.make_scratch({});
    snapshots.folder().replace_file(scratch.upper() + "/f", "step " + std::to_string(i), 0644);
    Layer made = snapshots.commit(scratch, {}, {}, {});
    snapshots.adopt(std::move(scratch), {}, made);
    EXPECT_TRUE(snapshots.has(std::vector{made}));
  }
  EXPECT_FALSE(release) << "it waited for the others";
}

TEST_F(SnapshotRace, WhoWaitsForTheVerySameSnapshotHearsAStop) {
  auto scratch = snapshots.make_scratch({});
  snapshots.folder().replace_file(scratch.upper() + "/f", "x", 0644);
  Layer made = snapshots.commit(scratch, {}, {}, {});
  SnapshotLock held = SnapshotLock::take(snapshots.folder(), lock_place(stack_of(made)), {});
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(50ms);  // mostly it waits by then; a stop that comes before must end it as well
    stop.request_stop();
  });
  try {
    snapshots.adopt(std::move(scratch), {}, made, stop.get_token());
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
}

TEST_F(SnapshotRace, WhatCameWhileTheDiskWasSyncedIsNotSettled) {
  Layer one = layer("one");
  std::string name = ensure(snapshots, one);
  Lease lease(store.root());
  int syncs = 0;
  auto mark_of = [&] { return snapshots.folder().read_file(name + ".ok", 1000); };
  std::string before_second_sync;
  SnapshotMarks(snapshots.folder().duplicate(), lease, SnapshotForm::layers).settle(store.root(), [&] {
    if (++syncs == 2) before_second_sync = mark_of();
    if (syncs > 1) return;
    snapshots.take_out(CollectionLock(store.root()), {name});
    SnapshotStore again(store);
    EXPECT_EQ(ensure(again, one), name);
  });
  EXPECT_EQ(syncs, 2);
  EXPECT_THAT(before_second_sync, testing::Not(HasSubstr("durable")));
  EXPECT_THAT(mark_of(), HasSubstr("durable"));
}

TEST_F(SnapshotRace, AMarkThatIsWrittenAgainIsThereAllTheTime) {
  std::string name = ensure(snapshots, layer("one"));
  Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  std::string path = (folder.path() / "store" / "snapshots").string();
  ASSERT_GE(::inotify_add_watch(watch.get(), path.c_str(), IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO), 0);
  settle_snapshots(store.root());
  alignas(inotify_event) char buffer[1 << 16];
  ssize_t got = ::read(watch.get(), buffer, sizeof buffer);
  int written = 0;
  for (ssize_t at = 0; at < got;) {
    auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
    at += static_cast<ssize_t>(sizeof *event + event->len);
    if (std::string(event->name) != name + ".ok") continue;
    EXPECT_EQ(event->mask, static_cast<std::uint32_t>(IN_MOVED_TO));
    ++written;
  }
  EXPECT_EQ(written, 1);
}

TEST_F(SnapshotRace, RemainsThatCannotBeRemovedAreToldAndInNobodysWay) {
  snapshots.folder().make_dirs("s-0123456789abcdef/u/m", 0700);
  std::string at = (folder.path() / "store/snapshots/s-0123456789abcdef/u/m").string();
  ASSERT_EQ(::mount("none", at.c_str(), "tmpfs", 0, nullptr), 0);
  {
    SnapshotStore other(store);
    auto scratch = other.make_scratch({});
    EXPECT_TRUE(other.folder().find_stat(scratch.upper()));
  }
  std::vector<std::string> left;
  snapshots.sweep([&](const std::string& why) { left.push_back(why); });
  EXPECT_THAT(left, testing::ElementsAre(HasSubstr("s-0123456789abcdef")));
  ::umount2(at.c_str(), MNT_DETACH);
  left.clear();
  snapshots.sweep([&](const std::string& why) { left.push_back(why); });
  EXPECT_THAT(left, IsEmpty());
  EXPECT_FALSE(snapshots.folder().find_stat("s-0123456789abcdef"));
}

TEST_F(SnapshotRace, AFileOfAnUnpackedStackIsReadWithoutItsBlobs) {
  std::vector<Layer> stack{TreeBuilder().file("/usr/etc/passwd", "web").symlink("/etc", "usr/etc").write_layer(store),
                           TreeBuilder().file("/usr/etc/group", "group").dir("/usr/etc/d").write_layer(store)};
  snapshots.ensure(stack, stream_from(store.blobs()), {}, {});
  for (const Layer& one : stack) store.blobs().remove(one.blob.digest);
  auto read = [&](const char* path) {
    return snapshots.find_content(stack, RootedPath::parse_strict(path), 100, {}).value_or("none");
  };
  EXPECT_EQ(read("/etc/passwd"), "web");
  EXPECT_EQ(read("/etc/group"), "group");
  EXPECT_EQ(read("/etc/d"), "none");
  EXPECT_EQ(read("/etc/shadow"), "none");
}

TEST_F(SnapshotRace, V21ADeepLayerCostsWhatItsPathsCost) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "/d";
  Layer one = TreeBuilder().file(deep + "/f", "x").write_layer(store);
  Layer top = TreeBuilder().file(deep + "/g", "x").removed("/none" + deep.substr(100)).write_layer(store);
  std::vector<Layer> stack{one, top};
  auto user_seconds = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec) / 1e6;
  };
  double before = user_seconds();
  snapshots.ensure(stack, stream_from(store.blobs()), {}, {});
  std::size_t seen = 0;
  snapshots.view(stack, {}).walk(RootedPath(), [&](const TreeView::Node&) { return ++seen > 0; });
  EXPECT_EQ(seen, 2003u);
  EXPECT_LT(user_seconds() - before, 1.0);
}

}  // namespace
}  // namespace imgb
