#include "core/base/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace imgb {
namespace {

TEST(Time, Rfc3339AsGoWritesIt) {
  EXPECT_EQ(render_rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(render_rfc3339(1'704'164'645'000'000'006), "2024-01-02T03:04:05.000000006Z");
  EXPECT_EQ(render_rfc3339(1'704'164'645'120'000'000), "2024-01-02T03:04:05.12Z");
  EXPECT_EQ(render_rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(Time, Rfc3339WithAnyOffset) {
  const std::pair<std::string_view, Nanoseconds> good[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2024-01-02T03:04:05.000000006Z", 1'704'164'645'000'000'006},
      {"2024-01-02T05:34:05+02:30", 1'704'164'645'000'000'000},
      {"2024-01-01T19:04:05-08:00", 1'704'164'645'000'000'000},
      {"1969-12-31T23:59:59.9999999999Z", -1},
      {"2024-02-29T00:00:00Z", 1'709'164'800'000'000'000}};
  for (auto [text, want] : good) EXPECT_EQ(find_rfc3339(text), want) << text;
}

TEST(Time, WhatIsNoTimeIsRefused) {
  for (std::string_view bad : {"", "2024-01-02", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-02T24:00:00Z",
                               "2024-01-02T03:04:05", "2024-01-02T03:04:05.Z", "2024-01-02T03:04:05+2:00",
                               "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2024-01-02T03:04:05Zx"})
    EXPECT_FALSE(find_rfc3339(bad)) << bad;
}

TEST(Time, SecondsThatNanosecondsCannotSayEndAtTheLastThatTheyCan) {
  EXPECT_EQ(nanoseconds_of(5, 7), 5'000'000'007);
  EXPECT_EQ(nanoseconds_of(-1, 999'999'999), -1);
  EXPECT_EQ(nanoseconds_of(10'413'792'000), 9'223'372'035'000'000'000);
  EXPECT_EQ(nanoseconds_of(std::numeric_limits<std::int64_t>::max(), 1), 9'223'372'035'000'000'000);
  EXPECT_EQ(nanoseconds_of(std::numeric_limits<std::int64_t>::min()), -9'223'372'035'000'000'000);
}

TEST(Time, HttpDates) {
  EXPECT_EQ(find_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777 * kNanosecondsPerSecond);
  for (std::string_view bad :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT"})
    EXPECT_FALSE(find_http_date(bad)) << bad;
}

}  // namespace
}  // namespace imgb
