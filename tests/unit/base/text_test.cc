#include "core/base/text.h"

#include <gtest/gtest.h>

#include "core/base/utf8.h"

namespace imgb {
namespace {

TEST(Text, TrimSplitJoin) {
  EXPECT_EQ(trim(" \ta b\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
  std::vector<std::string> parts = {"a", "", "b"};
  EXPECT_EQ(join(parts, ", "), "a, , b");
  EXPECT_EQ(join({}, ","), "");
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(find_unsigned("18446744073709551615"), 18446744073709551615u);
  for (std::string_view bad : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1", "1.0"})
    EXPECT_FALSE(find_unsigned(bad)) << bad;
  EXPECT_EQ(find_integer("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(find_octal("0755"), 0755u);
  EXPECT_FALSE(find_octal("08"));
}

TEST(Text, SizesAsDockerReadsThem) {
  const std::pair<std::string_view, std::uint64_t> good[] = {{"0", 0},
                                                             {"10", 10},
                                                             {"10b", 10},
                                                             {"64k", 65536},
                                                             {"64 kB", 65536},
                                                             {"1.5G", 1610612736},
                                                             {"1KiB", 1024},
                                                             {"32M", 33554432},
                                                             {"2t", 2199023255552},
                                                             {"1p", 1125899906842624},
                                                             {".5k", 512}};
  for (auto [text, want] : good) EXPECT_EQ(find_size_bytes(text), want) << text;
  for (std::string_view bad : {"", "k", "-1", "1x", "1kbb", "1bi", "1..2k", "1e3", "hello", "32m b", "99999999p", "+1"})
    EXPECT_FALSE(find_size_bytes(bad)) << bad;
}

TEST(Text, SizesAreShownInDecimalUnits) {
  EXPECT_EQ(render_size(0), "0 B");
  EXPECT_EQ(render_size(999), "999 B");
  EXPECT_EQ(render_size(530'200'000), "530.2 MB");
  EXPECT_EQ(render_size(1'000), "1.0 kB");
}

TEST(Text, GoDurations) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::pair<std::string_view, std::int64_t> good[] = {{"0", 0},
                                                            {"5s", 5 * kSecond},
                                                            {"-5s", -5 * kSecond},
                                                            {"1h2m3.5s", 3723 * kSecond + kSecond / 2},
                                                            {"1.5h", 5400 * kSecond},
                                                            {"100ms", kSecond / 10},
                                                            {"1us", 1000},
                                                            {"1\xC2\xB5s", 1000},
                                                            {".5s", kSecond / 2},
                                                            {"0.100000000000000000000h", 360 * kSecond},
                                                            {"9223372036854775807ns", INT64_MAX},
                                                            {"-9223372036854775808ns", INT64_MIN}};
  for (auto [text, want] : good) EXPECT_EQ(find_go_duration(text), want) << text;
  for (std::string_view bad :
       {"", "3", "-", "s", ".", "-.", ".s", "1x", "1s 2s", "3000000h", "9223372036854775808ns", "1e3s"})
    EXPECT_FALSE(find_go_duration(bad)) << bad;
  const std::pair<std::int64_t, std::string_view> shown[] = {{0, "0s"},
                                                             {1, "1ns"},
                                                             {1100, "1.1\xC2\xB5s"},
                                                             {2'200'000, "2.2ms"},
                                                             {3'300'000'000, "3.3s"},
                                                             {60 * kSecond, "1m0s"},
                                                             {3723 * kSecond + kSecond / 2, "1h2m3.5s"},
                                                             {INT64_MIN, "-2562047h47m16.854775808s"}};
  for (auto [value, want] : shown) EXPECT_EQ(render_go_duration(value), want);
}

TEST(Text, PrintableShowsNothingATerminalActsOn) {
  EXPECT_EQ(printable("caf\xC3\xA9 \xE2\x82\xAC"), "caf\xC3\xA9 \xE2\x82\xAC");
  EXPECT_EQ(printable("a\x1b[2J\r\n"), "a\\x1b[2J\\x0d\\x0a");
  EXPECT_EQ(printable("\xff\xC2"), "\\xff\\xc2");
  EXPECT_EQ(printable("\xC2\x9b"), "\\xc2\\x9b");           // CSI as one character
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("abcdef", 4), "abcd...");
  EXPECT_EQ(printable("abc\n", 5), "abc...");  // an escape is never cut
}

TEST(Text, GoQuote) {
  EXPECT_EQ(go_quote("a\"b\\c\n\t\x01\x7f\xff\xC3\xA9"), "\"a\\\"b\\\\c\\n\\t\\x01\\x7f\\xff\xC3\xA9\"");
  EXPECT_EQ(go_quote("\xC2\xA0\xF3\xA0\x80\x81"), "\"\\u00a0\\U000e0001\"");
}

TEST(Text, NearestWord) {
  std::vector<std::string> verbs = {"build", "push", "pull"};
  EXPECT_EQ(find_nearest("biuld", verbs), "build");
  EXPECT_EQ(find_nearest("PUHS", verbs), "push");
  EXPECT_FALSE(find_nearest("build", verbs));
  EXPECT_FALSE(find_nearest("export", verbs));
}

/// What a reader makes of bytes that may be no UTF-8.
std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    Utf8Step step = first_rune(text);
    out += step.valid ? text.substr(0, step.size) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(step.size);
  }
  return out;
}

TEST(Utf8, EachWrongByteStandsForItself) {
  EXPECT_EQ(replace_invalid_utf8("a\xFF\xFE\xC3\xA9"), "a\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9");
  EXPECT_EQ(replace_invalid_utf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(replace_invalid_utf8("\xF4\x90\x80\x80").size(), 12u);                          // past U+10FFFF
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(replace_invalid_utf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace imgb
