#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/base/error.h"
#include "layerfs/snapshot_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

// Someone with our own rights swaps folders and links while imgb works below a root (V12, V41, V92): whatever else
// becomes of it, nothing outside is read, written or removed, since every step begins at a folder's descriptor.

namespace imgb {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kTime = std::chrono::seconds(2);

class HostileRace : public testing::Test {
 protected:
  HostileRace() {
    fs::create_directories(canary() / "b/c");
    for (const char* name : {"victim", "b/victim", "b/c/victim"}) outside.dir().replace_file(name, "outside", 0600);
    fs::create_symlink(canary(), links.path() / "link");
  }
  fs::path canary() const { return outside.path(); }
  void expect_canary_alive() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(canary()))
      found.push_back(fs::relative(entry.path(), canary()));
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, (std::vector<std::string>{"b", "b/c", "b/c/victim", "b/victim", "victim"}));
    for (const char* name : {"victim", "b/victim", "b/c/victim"}) {
      EXPECT_EQ(outside.dir().read_file(name, 100), "outside");
      EXPECT_EQ(outside.dir().stat(name).mode, 0600u);
    }
  }

  /// Swaps with the link to the canary, and back, all that `find` gives, until told to stop.
  class Swapper {
   public:
    template <class Find>
    Swapper(fs::path link, Find find)
        : link_(std::move(link)), thread_([this, find] {
            while (!stop_)
              for (const fs::path& path : find()) swap(path);
          }) {}
    ~Swapper() { stop_ = true; }
    std::atomic<std::uint64_t> swaps = 0;

   private:
    void swap(const fs::path& path) {
      if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, link_.c_str(), RENAME_EXCHANGE) != 0) return;
      ++swaps;
      std::this_thread::yield();
      ::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, link_.c_str(), RENAME_EXCHANGE);
    }
    fs::path link_;
    std::atomic<bool> stop_ = false;
    std::jthread thread_;
  };

  TempDir outside, links;
};

TEST_F(HostileRace, V41NothingOutsideIsReadOrWrittenThroughAFolderThatChanges) {
  TempDir root;
  Dir dir = root.dir();
  for (const char* folder : {"a", "a/b", "a/b/c"}) dir.make_dir(folder, 0755);
  for (const char* name : {"a/victim", "a/b/victim", "a/b/c/victim"}) dir.replace_file(name, "inside", 0600);
  Swapper swapper(links.path() / "link", [&] {
    return std::vector{root.path() / "a/b/c", root.path() / "a/b", root.path() / "a"};
  });
  int read = 0, failed = 0;
  auto attempt = [&](auto body) {
    try {
      body();
    } catch (const Error&) {
      ++failed;
    }
  };
  std::string fresh = "new";
  for (auto end = Clock::now() + kTime; Clock::now() < end;) {
    for (Links how : {Links::refuse, Links::in_root, Links::in_root_nofollow_last}) {
      attempt([&] {
        EXPECT_EQ(dir.read_file("a/b/c/victim", 100, how), "inside");
        ++read;
      });
      attempt([&] { dir.make_dir("a/b/made", 0777, how); });
      attempt([&] { dir.remove("a/b/made", how); });
      attempt([&] { dir.make_dirs("a/b/c/d/e", 0777, how); });
      attempt([&] { dir.set_mode("a/b/c/victim", 0666, how); });
      attempt([&] { dir.set_owner("a/b/victim", 1, 1, how); });
      attempt([&] { dir.make_symlink("x", "a/b/c/s", how); });
      attempt([&] { dir.make_hard_link("a/victim", "a/b/h", how); });
      attempt([&] { dir.remove("a/b/h", how), dir.remove("a/b/c/s", how); });
      attempt([&] { dir.remove_tree("a/b/c/d", how); });
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_GT(failed, 0);
  EXPECT_GT(swapper.swaps, 10u);
  expect_canary_alive();
}

TEST_F(HostileRace, V92ATreeThatChangesIsRemovedWithoutLeavingIt) {
  TempDir root;
  Dir dir = root.dir();
  Swapper swapper(links.path() / "link", [&] {
    return std::vector{root.path() / "t/b/c", root.path() / "t/b", root.path() / "t", root.path() / "t/d/b"};
  });
  int rounds = 0;
  for (auto end = Clock::now() + kTime; Clock::now() < end; ++rounds) {
    try {
      for (const char* folder : {"t/b/c/x/y", "t/d/b/c"}) dir.make_dirs(folder, 0755);
      for (int i = 0; i < 30; ++i) dir.replace_file("t/b/c/f" + std::to_string(i), "", 0600);
    } catch (const Error&) {
      // The swapper was faster.
    }
    try {
      dir.remove_tree("t");
    } catch (const Error&) {
      continue;
    }
  }
  EXPECT_GT(rounds, 10);
  EXPECT_GT(swapper.swaps, 10u);
  expect_canary_alive();
}

TEST_F(HostileRace, V12LayersAreUnpackedInsideTheirFolderWhoeverSwapsWhat) {
  TempDir root;
  Store store = Store::open(root.path());
  SnapshotStore snapshots(store);
  TreeBuilder tree;
  for (const char* folder : {"/b", "/b/c"}) tree.dir(folder);
  for (int i = 0; i < 400; ++i) tree.file("/b/c/file" + std::to_string(i), "content", 0666);
  for (const char* name : {"/b/victim", "/b/c/victim", "/victim"}) tree.file(name, "mine", 06777).owner(1, 1);
  Layer layer = tree.write_layer(store);
  fs::path folder = fs::path(snapshots.folder().name());
  Swapper swapper(links.path() / "link", [&] {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (fs::directory_iterator at(folder, ignored), end; !ignored && at != end; at.increment(ignored))
      for (const char* below : {"u/b/c", "u/b", "u", "b/c", "b"}) found.push_back(at->path() / below);
    return found;
  });
  int rounds = 0;
  for (auto end = Clock::now() + 2 * kTime; Clock::now() < end; ++rounds) {
    try {
      SnapshotStore fresh(store);
      fresh.ensure(std::vector{layer}, stream_from(store.blobs()), {}, {});
      std::vector<std::string> names;
      for (const auto& snapshot : fresh.list()) names.push_back(snapshot.name);
      fresh.take_out(CollectionLock(store.root()), names);
    } catch (const Error&) {
      continue;  // its folders were stolen
    }
  }
  EXPECT_GT(rounds, 3);
  EXPECT_GT(swapper.swaps, 10u);
  expect_canary_alive();
}

}  // namespace
}  // namespace imgb
