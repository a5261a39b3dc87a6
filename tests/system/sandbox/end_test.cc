#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "core/base/task.h"
#include "sandbox/host_text.h"
#include "tests/system/sandbox/world.h"

// How steps end when they do not end by themselves: within two seconds, and with nothing left (security.md 3.10).

namespace imgb {
namespace {

using Clock = std::chrono::steady_clock;

/// Processes of the host whose command line holds `word`.
int count_processes(const std::string& word) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (host_text(entry.path() / "cmdline").find(word) != std::string::npos) ++count;
  }
  return count;
}

int count_cgroups(const std::string& prefix) {
  int count = 0;
  std::error_code ignored;
  for (auto entry = std::filesystem::recursive_directory_iterator(
           "/sys/fs/cgroup", std::filesystem::directory_options::skip_permission_denied, ignored);
       entry != std::filesystem::recursive_directory_iterator(); entry.increment(ignored))
    if (entry->path().filename().string().starts_with(prefix)) ++count;
  return count;
}

/// True as soon as `there` says so, false when ten seconds have passed.
template <class Condition>
bool comes_true(Condition there) {
  auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!there()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class End : public World {
 protected:
  /// A command line that no other process has.
  std::string mark_ = "86399." + std::to_string(::getpid());
};

TEST_F(End, CancelEndsAStepThatIgnoresIt) {
  std::stop_source stop;
  std::jthread canceller;
  TextSink sink;
  spec_.argv = {"sh", "-c",
                "trap '' TERM INT; (trap '' TERM; setsid sleep " + mark_ + ") & sleep " + mark_ +
                    " & echo; wait; wait; sleep " + mark_};
  Clock::time_point asked;
  canceller = std::jthread([&] {
    while (count_processes(mark_) < 2) std::this_thread::yield();
    asked = Clock::now();
    stop.request_stop();
  });
  try {
    sandbox_.run(spec_, sink, stop.get_token());
    FAIL() << "ran to the end";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
  EXPECT_LT(Clock::now() - asked, std::chrono::seconds(2));
  EXPECT_EQ(count_processes(mark_), 0);
  EXPECT_EQ(host_text("/proc/self/mountinfo").find(root().string()), std::string::npos) << "a mount is left";
}

TEST_F(End, CancelledBeforeItBeginsNothingRuns) {
  std::stop_source stop;
  stop.request_stop();
  TextSink sink;
  spec_.argv = {"touch", "/ran"};
  EXPECT_THROW(sandbox_.run(spec_, sink, stop.get_token()), Error);
  EXPECT_FALSE(exists("up/ran"));
}

TEST_F(End, DroppingARunningStepKillsIt) {
  {
    spec_.argv = {"sleep", mark_};
    Running running = sandbox_.start(spec_, {});
    EXPECT_TRUE(comes_true([&] { return count_processes(mark_) == 1; }));
  }
  EXPECT_EQ(count_processes(mark_), 0);
}

TEST_F(End, SignalsReachTheMainProcess) {
  Pipe out = make_pipe();
  spec_.argv = {"sh", "-c", "trap 'exit 42' USR1; echo ready; while :; do sleep 0.05; done"};
  Running running = sandbox_.start(spec_, {.out = out.write.get()});
  char byte;
  ASSERT_EQ(::read(out.read.get(), &byte, 1), 1);
  running.signal(SIGUSR1);
  EXPECT_EQ(running.wait().status.code, 42);
}

TEST_F(End, WhatTheMainProcessLeavesBehindEndsWithIt) {
  output("setsid sleep " + mark_ + " >/dev/null 2>&1 & (sleep " + mark_ + " & ) ; true");
  EXPECT_EQ(count_processes(mark_), 0);
}

TEST_F(End, KillingTheProgramItselfLeavesNothing) {
  // The killed program is this test, executed again as a child with its own sandbox.
  const std::string sleeping = std::string("sleep") + '\0' + mark_;
  pid_t child = ::fork();
  if (child == 0) {
    ::execl("/proc/self/exe", "system_sandbox", "--gtest_also_run_disabled_tests",
            "--gtest_filter=End.DISABLED_SleepsForever", ("--mark=" + mark_).c_str(), nullptr);
    ::_exit(127);
  }
  EXPECT_TRUE(comes_true([&] { return count_processes(sleeping) == 1; }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  auto killed = Clock::now();
  EXPECT_TRUE(comes_true([&] { return count_processes(mark_) == 0; }));
  EXPECT_LT(Clock::now() - killed, std::chrono::seconds(2));
  // The next sandbox sweeps the cgroups of the dead one.
  EXPECT_TRUE(comes_true([&] {
    Sandbox next;
    TextSink sink;
    spec_.argv = {"true"};
    next.run(spec_, sink, {});
    return count_cgroups("imgb-" + std::to_string(child) + "-") == 0;
  }));
}

TEST_F(End, DISABLED_SleepsForever) {
  std::string mark = mark_;
  for (const std::string& argument : ::testing::internal::GetArgvs())
    if (argument.starts_with("--mark=")) mark = argument.substr(7);
  run({"sleep", mark});
}

TEST_F(End, CgroupsAreGoneWithTheSandbox) {
  {
    Sandbox own;
    TextSink sink;
    spec_.argv = {"true"};
    spec_.limits.memory_bytes = 64 << 20;
    own.run(spec_, sink, {});
  }
  // The fixture's own sandbox has made none yet.
  EXPECT_EQ(count_cgroups("imgb-" + std::to_string(::getpid()) + "-"), 0);
}

}  // namespace
}  // namespace imgb
