// What RUN --mount attaches and what of it counts for the step's key.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "builder/cache_mounts.h"
#include "builder/run_failed.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"
#include "tests/support/test_build.h"

namespace imgb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// What a step sees at a mount's target.
Dir mounted(const StepSpec& spec, std::string_view target) {
  for (const StepMount& mount : spec.mounts) {
    const auto* bind = std::get_if<BindMount>(&mount);
    if (bind && bind->target.str() == target) return Dir::open_host(fmt::format("/proc/self/fd/{}", bind->source_fd));
  }
  throw_error(ErrorKind::internal, "nothing is mounted at {}", target);
}

class RunMounts : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "owners can be given only by root";
    t.runner.command = [this](const StepSpec& spec, const Dir&, Sink&) {
      std::lock_guard hold(mutex_);
      if (look) look(spec);
      return 0;
    };
  }
  std::vector<std::string> caches() const {
    std::vector<std::string> names;
    for (const Dir::Entry& entry : t.store.folder(cache_mounts::kFolder).list())
      if (entry.type == FileType::directory) names.push_back(entry.name);
    return names;
  }

  TestBuild t;
  std::mutex mutex_;
  std::function<void(const StepSpec&)> look;  ///< One step at a time.
};

TEST_F(RunMounts, ModeOfABoundFolderCountsForTheKey) {
  t.write("sub/f", "1");
  const std::string file = "FROM scratch\nRUN --mount=source=sub,target=/m x\n";
  t.build(file);
  EXPECT_EQ(t.build(file).steps_cached, 1u);
  t.context().set_mode("sub", 0700);
  look = [](const StepSpec& spec) { EXPECT_EQ(mounted(spec, "/m").stat(".").mode, 0700u); };
  EXPECT_EQ(t.build(file).steps_cached, 0u);
}

TEST_F(RunMounts, FolderOfSeveralLayersKeepsItsModeAndOwner) {
  t.write("x/f", "1");
  t.write("y/g", "2");
  t.images.add("base", t.make_base(TreeBuilder().dir("/x", 0700).owner(1000, 1001)));
  look = [](const StepSpec& spec) {
    Dir at = mounted(spec, "/m");
    FileStat top = at.stat(".");
    EXPECT_EQ(top.mode, 0700u);
    EXPECT_EQ(top.uid, 1000u);
    EXPECT_EQ(top.gid, 1001u);
    EXPECT_EQ(at.read_file("f", 9) + at.read_file("g", 9), "12");
  };
  t.build("FROM base AS s\nCOPY x/f /x/f\nCOPY y/g /x/g\nFROM scratch\nRUN --mount=from=s,source=/x,target=/m x\n");
}

TEST_F(RunMounts, CachesThatStartAsOtherThingsAreOthers) {
  t.write("a", "a");
  t.write("b", "b");
  std::vector<std::string> seen;
  look = [&](const StepSpec& spec) { seen.push_back(mounted(spec, "/c").read_file("f", 9)); };
  const std::string stages = "FROM scratch AS a\nCOPY a /f\nFROM scratch AS b\nCOPY b /f\nFROM scratch\n";
  t.build(stages + "RUN --mount=type=cache,id=c,from=a,target=/c 1\nRUN --mount=type=cache,id=c,from=b,target=/c 2\n");
  EXPECT_THAT(seen, ElementsAre("a", "b"));
  t.write("a", "changed");
  t.build(stages + "RUN --mount=type=cache,id=c,from=a,target=/c 1\n");
  EXPECT_THAT(seen, ElementsAre("a", "b", "changed")) << "what a cache starts with counts for the key";
}

TEST_F(RunMounts, CachesOfOtherOwnersAreOthers) {
  std::vector<std::string> seen;
  look = [&](const StepSpec& spec) {
    FileStat top = mounted(spec, "/c").stat(".");
    seen.push_back(fmt::format("{}:{} {:o}", top.uid, top.gid, top.mode));
  };
  t.build(
      "FROM scratch\nRUN --mount=type=cache,target=/c 1\nRUN --mount=type=cache,target=/c,uid=1000,mode=0700 2\n"
      "RUN --mount=type=cache,target=/c,uid=0,mode=0755 3\n");
  EXPECT_THAT(seen, ElementsAre("0:0 755", "1000:0 700", "0:0 755"));
  EXPECT_EQ(caches().size(), 2u);
}

TEST_F(RunMounts, CacheThatCannotBeFilledLeavesNothing) {
  t.write("a", "a");
  EXPECT_THROW(
      t.build("FROM scratch AS a\nCOPY a /f\nFROM scratch\nRUN --mount=type=cache,from=a,source=no,target=/c x\n"),
      Error);
  EXPECT_THAT(caches(), IsEmpty());
}

TEST_F(RunMounts, OneStepMayMountOneCacheSeveralTimes) {
  int runs = 0;
  look = [&](const StepSpec& spec) {
    ++runs;
    EXPECT_EQ(mounted(spec, "/a").stat(".").inode, mounted(spec, "/b").stat(".").inode);
  };
  for (const char* first : {"locked", "shared", "private"}) {
    for (const char* second : {"locked", "shared", "private"}) {
      t.build(
          fmt::format("FROM scratch\nRUN --mount=type=cache,id=c,sharing={0},target=/a "
                      "--mount=type=cache,id=c,sharing={1},target=/b {0} {1}\n",
                      first, second));
    }
  }
  EXPECT_EQ(runs, 9);
}

TEST_F(RunMounts, StepsThatWantTwoCachesInOtherOrdersAllRun) {
  std::string file, copies;
  for (int i = 0; i < 12; ++i) {
    const char *one = i % 2 ? "A" : "B", *two = i % 2 ? "B" : "A";
    file += fmt::format(
        "FROM scratch AS s{0}\nRUN --mount=type=cache,id={1},sharing=locked,target=/1 "
        "--mount=type=cache,id={2},sharing=locked,target=/2 {0}\n",
        i, one, two);
    copies += fmt::format("RUN --mount=from=s{0},target=/m {0}\n", i);
  }
  auto request = t.request(file + "FROM scratch\n" + copies);
  request.jobs = 12;
  EXPECT_EQ(t.run(request).steps_run, 24u);
}

TEST_F(RunMounts, WhoWaitsForACacheSaysSo) {
  Dir folder = t.store.folder(cache_mounts::kFolder);
  std::optional<FileLock> theirs =
      FileLock::take(folder, cache_mounts::lock_name(Digest::of("mine").hex()), FileLock::Mode::exclusive);
  RecordingProgress progress;
  BuildRequest request = t.request("FROM scratch\nRUN --mount=type=cache,id=mine,target=/c x\n");
  std::jthread builder([&] {
    imgb::build(request, {t.store, t.snapshots, t.runner, t.images, t.files, progress}, {});
  });
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (progress.notes().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_THAT(progress.notes(), ElementsAre("waiting for the cache mine, which another step uses"));
  theirs.reset();
}

TEST_F(RunMounts, WhoLooksIntoAFailedStepKeepsNoOtherBuildFromIt) {
  t.runner.command = [](const StepSpec&, const Dir& upper, Sink&) {
    write_all(upper.open_file("left", O_WRONLY | O_CREAT, 0644), "x", "left");
    return 3;
  };
  BuildRequest request = t.request("FROM scratch\nRUN x\n");
  int looks = 0;
  request.on_run_failure = [&](const StepSpec& spec, const Error&) {
    ++looks;
    EXPECT_TRUE(spec.root.snapshots->open_dir(spec.root.upper).find_stat("left")) << "the world is as it was left";
    for (const Dir::Entry& entry : t.store.folder(layout::kIngest).list())
      EXPECT_THAT(entry.name, Not(HasSubstr("step-"))) << "the step's turn is given back";
  };
  EXPECT_THROW(t.run(request), RunFailed);
  EXPECT_EQ(looks, 1);
}

}  // namespace
}  // namespace imgb
