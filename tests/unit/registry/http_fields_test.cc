#include "registry/http_fields.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

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

TEST(ContentDisposition, V35_OnlyABaseNameIsTaken) {
  struct {
    const char *value, *want;
  } cases[] = {
      {"attachment; filename=\"a b.tar\"", "a b.tar"},
      {"attachment; filename=x.tar; size=3", "x.tar"},
      {"attachment; filename=\"../../pwn\"", "pwn"},
      {"attachment; filename=\"..\\\\..\\\\pwn\"", "pwn"},
      {"attachment; filename=\"%2e%2e%2fpwn\"", "%2e%2e%2fpwn"},
      {"attachment; filename*=UTF-8''..%2F..%2Fpwn", "pwn"},
      {"attachment; filename=\"a\"; filename*=UTF-8''%c3%a9", "\xc3\xa9"},
      {"attachment", ""},
      {"attachment; filename=\"\"", ""},
      {"", ""},
  };
  for (auto& c : cases) EXPECT_EQ(file_name_of_content_disposition(c.value), c.want) << c.value;
}

TEST(ContentDisposition, V35_NamesThatAreNoneAreErrors) {
  for (std::string value :
       {std::string("attachment; filename=\"..\""), std::string("attachment; filename=\".\""),
        std::string("attachment; filename=\"a/..\""), std::string("attachment; filename*=UTF-8''a%00b"),
        std::string("attachment; filename*=UTF-8''a%0Ab"), "attachment; filename=\"" + std::string(4096, 'x') + "\""}) {
    EXPECT_THROW(file_name_of_content_disposition(value), Error) << value.substr(0, 60);
  }
}

}  // namespace
}  // namespace imgb
