#include "builder/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(Scheduler, RunsNeedsFirst) {
  std::vector<std::size_t> done;
  run_graph(
      {{{1, 2}, {2}, {}, {0}}}, 2, [](std::size_t, std::stop_token) {}, [&](std::size_t t) { done.push_back(t); }, {});
  EXPECT_EQ(done, (std::vector<std::size_t>{2, 1, 0, 3}));
}

TEST(Scheduler, IndependentTasksRunAtOnce) {
  std::latch all(4);  // would wait for ever if they ran one after the other
  run_graph(
      {{{}, {}, {}, {}}}, 4, [&](std::size_t, std::stop_token) { all.arrive_and_wait(); }, [](std::size_t) {}, {});
}

TEST(Scheduler, NeverMoreThanJobsAtOnce) {
  std::atomic<int> now = 0, most = 0;
  run_graph(
      {std::vector<std::vector<std::size_t>>(50)}, 3,
      [&](std::size_t, std::stop_token) {
        int running = ++now;
        for (int seen = most; running > seen && !most.compare_exchange_weak(seen, running);) {
        }
        --now;
      },
      [](std::size_t) {}, {});
  EXPECT_LE(most, 3);
}

TEST(Scheduler, FirstFailureStopsTheOthersAndIsReported) {
  std::latch both(2);
  std::vector<std::size_t> done;
  try {
    run_graph(
        {{{}, {}, {0}}}, 2,
        [&](std::size_t task, std::stop_token stop) {
          both.arrive_and_wait();
          if (task == 0) throw Error(ErrorKind::input, "broken");
          std::atomic_flag woken;
          std::stop_callback wake(stop, [&] {
            woken.test_and_set();
            woken.notify_all();
          });
          woken.wait(false);
          throw Error(ErrorKind::cancelled, "cancelled");
        },
        [&](std::size_t t) { done.push_back(t); }, {});
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "broken");
  }
  EXPECT_TRUE(done.empty()) << "what needs the failed task never starts";
}

TEST(Scheduler, StopFromOutsideCancels) {
  std::stop_source stop;
  try {
    run_graph(
        {{{}, {0}}}, 1, [&](std::size_t, std::stop_token) { stop.request_stop(); }, [](std::size_t) {},
        stop.get_token());
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
}

}  // namespace
}  // namespace imgb
