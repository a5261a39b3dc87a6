#include "core/base/text.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

TEST(Text, SizesReadAsDockerReadsThem) {
  EXPECT_EQ(find_size_bytes("64m"), 64u << 20);
  EXPECT_EQ(find_size_bytes("1.5G"), 3u << 29);
  EXPECT_EQ(find_size_bytes("10"), 10u);
  EXPECT_EQ(find_size_bytes("2kb"), 2048u);
  EXPECT_EQ(find_size_bytes("2KiB"), 2048u);
  for (const char* bad : {"", "m", "-1", "1x", "1mm", "99999999999p"})
    EXPECT_EQ(find_size_bytes(bad), std::nullopt) << bad;
}

TEST(Text, DurationsAreGos) {
  EXPECT_EQ(find_go_duration("1h2m3.5s"), 3'723'500'000'000);
  EXPECT_EQ(find_go_duration("100ms"), 100'000'000);
  EXPECT_EQ(find_go_duration(".5s"), 500'000'000);
  EXPECT_EQ(find_go_duration("-1m"), -60'000'000'000);
  for (const char* bad : {"", "5", "s", "1 s", "1d"}) EXPECT_EQ(find_go_duration(bad), std::nullopt) << bad;
  EXPECT_EQ(render_go_duration(3'723'500'000'000), "1h2m3.5s");
  EXPECT_EQ(render_go_duration(100'000'000), "100ms");
  EXPECT_EQ(render_go_duration(60'000'000'000), "1m0s");
}

TEST(Text, PrintableShowsNoControlCharacters) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\n"), "a\\x1b[2Jb\\x0d\\x0a");
  EXPECT_EQ(printable("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(printable("\xFF\xC2\x9B"), "\\xff\\xc2\\x9b");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(Text, NearestWordIsOfferedOnlyWhenItIsNear) {
  std::vector<std::string> words = {"FROM", "RUN", "COPY"};
  EXPECT_EQ(find_nearest("FORM", words), "FROM");
  EXPECT_EQ(find_nearest("copi", words), "COPY");
  EXPECT_EQ(find_nearest("HEALTH", words), std::nullopt);
  EXPECT_EQ(find_nearest("run", words), std::nullopt);
}

}  // namespace
}  // namespace imgb
