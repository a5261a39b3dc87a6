#include "core/base/task.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(TaskGroup, RunsTasksThatTasksAdd) {
  std::atomic<int> ran = 0;
  TaskGroup group(2);
  for (int i = 0; i < 10; ++i)
    group.add([&] {
      ++ran;
      group.add([&] { ++ran; });
    });
  group.join();
  EXPECT_EQ(ran, 20);
}

TEST(TaskGroup, FirstFailureIsRethrownAndStopsTheRest) {
  std::atomic<int> ran = 0;
  TaskGroup group(1);
  group.add([] { throw_error(ErrorKind::input, "first"); });
  for (int i = 0; i < 100; ++i) group.add([&] { ++ran; });
  try {
    group.join();
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "first");
  }
  EXPECT_TRUE(group.stop().stop_requested());
  EXPECT_EQ(ran, 0);
}

TEST(TaskGroup, ParentsStopReachesTheTasks) {
  std::stop_source parent;
  TaskGroup group(2, parent.get_token());
  group.add([&] {
    parent.request_stop();
    throw_if_stopped(group.stop());
  });
  EXPECT_THROW(group.join(), Error);
}

}  // namespace
}  // namespace imgb
