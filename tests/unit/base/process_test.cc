#include "core/base/process.h"

#include <gtest/gtest.h>

#include <csignal>

#include "core/base/error.h"

namespace imgb {
namespace {

using std::chrono::milliseconds;

TEST(Process, HelperGetsItsInputAndGivesItsOutput) {
  Output done = run_helper({"sh", "-c", "cat; echo err >&2; exit 3"}, "hello", milliseconds(10'000));
  EXPECT_EQ(done.out, "hello");
  EXPECT_EQ(done.err, "err\n");
  EXPECT_EQ(done.status.code, 3);
}

TEST(Process, HelperThatHangsIsKilledInTime) {
  EXPECT_THROW(run_helper({"sleep", "60"}, "", milliseconds(100)), Error);
}

TEST(Process, ChildSeesOnlyTheDescriptorsItWasGiven) {
  Output done = run_helper({"ls", "/proc/self/fd"}, "", milliseconds(10'000));
  EXPECT_EQ(done.out, "0\n1\n2\n3\n") << "3 is the folder that ls lists";
}

TEST(Process, MissingProgramIsNotFound) {
  Spawn spawn;
  spawn.argv = {"/no/such/program"};
  try {
    Child::start(spawn);
    FAIL() << "it started";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::not_found);
  }
}

TEST(Process, SignalIsReported) {
  Spawn spawn;
  spawn.argv = {"sleep", "60"};
  Child child = Child::start(spawn);
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait().signal, SIGTERM);
}

}  // namespace
}  // namespace imgb
