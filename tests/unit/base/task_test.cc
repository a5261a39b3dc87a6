#include "core/base/task.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <set>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(TaskGroup, RunsEverythingIncludingWhatTasksAdd) {
  std::atomic<int> ran = 0;
  TaskGroup group(4);
  for (int i = 0; i < 100; ++i)
    group.add([&] {
      ++ran;
      group.add([&] { ++ran; });
    });
  group.join();
  EXPECT_EQ(ran, 200);
}

TEST(TaskGroup, RunsAsManyAtOnceAsItMayAndNotMore) {
  std::barrier meet(3);
  std::atomic<int> running = 0, most = 0;
  TaskGroup group(3);
  for (int i = 0; i < 9; ++i)
    group.add([&] {
      int now = ++running;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      meet.arrive_and_wait();  // hangs unless three run at once
      --running;
    });
  group.join();
  EXPECT_EQ(most, 3);
}

TEST(TaskGroup, TheFirstFailureStopsTheRestAndIsThrown) {
  std::latch failed(1);
  std::atomic<bool> saw_stop = false, ran_late = false;
  TaskGroup group(2);
  group.add([&] {
    failed.wait();
    std::latch stopped(1);
    std::stop_callback on_stop(group.stop(), [&] { stopped.count_down(); });
    stopped.wait();
    saw_stop = true;
    throw_error(ErrorKind::cancelled, "second failure");
  });
  group.add([&] {
    failed.count_down();
    throw_error(ErrorKind::input, "first failure");
  });
  try {
    group.join();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "first failure");
  }
  EXPECT_TRUE(saw_stop);
  group.add([&] { ran_late = true; });
  EXPECT_THROW(group.join(), Error);
  EXPECT_FALSE(ran_late);
}

TEST(TaskGroup, WhatHasNotBegunIsDropped) {
  std::atomic<int> ran = 0;
  TaskGroup group(1);
  std::latch go(1);
  group.add([&] {
    go.wait();
    ++ran;
    throw_error(ErrorKind::input, "failed");
  });
  for (int i = 0; i < 10; ++i) group.add([&] { ++ran; });
  go.count_down();
  EXPECT_THROW(group.join(), Error);
  EXPECT_EQ(ran, 1);
}

TEST(TaskGroup, StopComesFromTheParent) {
  std::stop_source parent;
  TaskGroup group(2, parent.get_token());
  group.add([&] {
    std::latch stopped(1);
    std::stop_callback on_stop(group.stop(), [&] { stopped.count_down(); });
    stopped.wait();
  });
  parent.request_stop();
  try {
    group.join();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
}

TEST(TaskGroup, DestroyedUnjoinedItWaitsAndForgets) {
  std::atomic<bool> ended = false;
  {
    std::latch begun(1);
    TaskGroup group(1);
    group.add([&] {
      begun.count_down();
      std::latch stopped(1);
      std::stop_callback on_stop(group.stop(), [&] { stopped.count_down(); });
      stopped.wait();
      ended = true;
      throw_error(ErrorKind::input, "nobody hears this");
    });
    begun.wait();
  }
  EXPECT_TRUE(ended);
}

TEST(TaskGroup, AStopThatComesAsSomebodyBeginsToWaitIsHeard) {
  // The moment is short: many tries, with the stop earlier and later.
  constexpr int kTries = 20'000;
  constexpr std::chrono::seconds kEnough{5};  // a busy host does not come that far
  std::vector<std::stop_source> parents(kTries);
  std::barrier meet(2);
  std::vector<char> enough(kTries);  // of each try: the other thread may still read of the one before
  auto spin = [](int rounds) {
    for (int i = 0; i < rounds; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
  };
  std::jthread stops([&] {
    for (int i = 0; i < kTries; ++i) {
      meet.arrive_and_wait();
      auto at = static_cast<std::size_t>(i);
      if (enough[at]) return;
      spin(i % 1000);
      parents[at].request_stop();
    }
  });
  auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < kTries; ++i) {
    TaskGroup group(1, parents[i].get_token());
    enough[i] = std::chrono::steady_clock::now() - begin > kEnough;
    meet.arrive_and_wait();
    if (enough[i]) return;
    group.add([] {});
    try {
      group.join();  // hangs when the stop is missed
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::cancelled);
    }
  }
}

TEST(TaskGroup, CanBeUsedAgainAfterJoin) {
  int ran = 0;
  TaskGroup group(2);
  group.add([&] { ++ran; });
  group.join();
  group.add([&] { ++ran; });
  group.join();
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace imgb
