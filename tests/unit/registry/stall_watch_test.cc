#include "registry/stall_watch.h"

#include <gtest/gtest.h>

#include "registry/http.h"

namespace imgb {
namespace {

using std::chrono::milliseconds;

TEST(StallWatch, TimeWithoutEnoughBytesEndsTheTransfer) {
  StallWatch watch(milliseconds(100), 1000);
  watch.add(milliseconds(60), 999);
  EXPECT_EQ(watch.poll_ms(), 40);
  try {
    watch.add(milliseconds(40), 999);
    FAIL() << "no stall";
  } catch (const TransportError& e) {
    EXPECT_EQ(e.failure(), TransportFailure::stalled);
    EXPECT_EQ(e.message(), "stalled: 999 bytes in 100 ms");
  }
}

TEST(StallWatch, EnoughBytesBeginTheTimeAgain) {
  StallWatch watch(milliseconds(100), 1000);
  for (std::uint64_t moved = 1000; moved < 20'000; moved += 1000) watch.add(milliseconds(99), moved);
  EXPECT_EQ(watch.poll_ms(), 100);
}

TEST(StallWatch, NeverWaitsForNoTimeAtAll) {
  StallWatch watch(milliseconds(100), 1000);
  watch.add(std::chrono::microseconds(99'999), 1);
  EXPECT_EQ(watch.poll_ms(), 1);
}

}  // namespace
}  // namespace imgb
