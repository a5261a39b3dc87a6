#include "registry/http_fields.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

TEST(ContentRange, OnlyWholeAndConsistentRangesAreRead) {
  EXPECT_EQ(find_content_range("bytes 5-9/10"), (ContentRange{5, 9, 10}));
  EXPECT_EQ(find_content_range("bytes 5-9/*"), (ContentRange{5, 9, std::nullopt}));
  for (const char* bad : {"", "bytes", "bytes */10", "bytes 9-5/10", "bytes 5-10/10", "bytes -9/10", "bytes 5-/10",
                          "items 5-9/10", "bytes 5-9", "bytes 5/10-9", "bytes 99999999999999999999-1/2"}) {
    EXPECT_EQ(find_content_range(bad), std::nullopt) << bad;
  }
}

TEST(RetryAfter, F9_SecondsDatesAndHugeValuesAreRead) {
  using std::chrono::milliseconds;
  Nanoseconds now = 784111770ll * kNanosecondsPerSecond;  // Sun, 06 Nov 1994 08:49:30 GMT
  EXPECT_EQ(find_retry_after("120", now), milliseconds(120'000));
  EXPECT_EQ(find_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), milliseconds(7000));
  EXPECT_EQ(find_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), milliseconds(0));
  EXPECT_GT(find_retry_after("99999999999999999999999", now), milliseconds(60'000));
  EXPECT_EQ(find_retry_after("soon", now), std::nullopt);
  EXPECT_EQ(find_retry_after("-1", now), std::nullopt);
}

}  // namespace
}  // namespace imgb
