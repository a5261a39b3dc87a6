#include "builder/glob.h"

#include <gtest/gtest.h>

#include <string>

#include "builder/path_pattern.h"
#include "tests/support/processor_time.h"

namespace imgb {
namespace {

struct Case {
  std::string_view pattern, path;
  std::optional<bool> expected;
};
constexpr auto kBad = std::optional<bool>();

TEST(Glob, MatchesAsGosFilepathMatch) {
  const Case cases[] = {
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"", "", true},
      {"", "a", false},
      {"*", "abc", true},
      {"*", "", true},
      {"*", "a/b", false},
      {"*c", "abc", true},
      {"a*", "a", true},
      {"a*", "ab/c", false},
      {"a*/b", "abc/b", true},
      {"a*/b", "a/c/b", false},
      {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
      {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
      {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
      {"a*b?c*x", "abxbbxdbxebxczzx", true},
      {"a*b?c*x", "abxbbxdbxebxczzy", false},
      {"**/b", "a/b", true},
      {"**/b", "x/a/b", false},
      {"a**b", "axxb", true},
      {"a?c", "abc", true},
      {"a?c", "a/c", false},
      {"?", "\xC3\xA9", true},
      {"??", "\xC3\xA9", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[^a-c]x", "dx", true},
      {"[^a-c]x", "ax", false},
      {"[!a]x", "!x", true},
      {"a[^a]b",
       "a\xE2\x98\xBA"
       "b",
       true},
      {"[\xC3\xA9-\xC3\xAA]", "\xC3\xAA", true},
      {"[a\\-c]", "-", true},
      {"[\\]a]", "]", true},
      {"[x-]", "x", kBad},
      {"[-x]", "x", kBad},
      {"[]a]", "]", kBad},
      {"[a", "a", kBad},
      {"[", "a", kBad},
      {"[^", "a", kBad},
      {"[^bc", "a", kBad},
      {"a[", "ab", kBad},
      {"x[", "ab", kBad},
      {"a\\", "a", kBad},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"\\[a", "[a", true},
      {"a]", "a]", true},
      {"{a,b}", "a", false},
      {"*x", "xxx", true},
      {"*.t?r.[gx]z", "a.b.tar.gz", true},
  };
  for (const Case& c : cases) EXPECT_EQ(match_path(c.pattern, c.path), c.expected) << c.pattern << " " << c.path;
}

std::optional<bool> match_deep_path(std::string_view pattern, std::string_view path) {
  auto compiled = PathPattern::compile(pattern, DoubleStar::any_depth);
  if (!compiled) return std::nullopt;
  return compiled->matches(path);
}

TEST(Glob, DoubleStarsReachAnyDepth) {
  const Case cases[] = {
      {"**/b", "b", true},
      {"**/b", "x/y/b", true},
      {"**/b", "xb", false},
      {"a/**/b", "a/b", true},
      {"a/**/b", "a/x/y/b", true},
      {"a/**/b", "ax/b", false},
      {"a/**", "a/x/y", true},
      {"a/**", "a", false},
      {"**", "a/b/c", true},
      {"**/*.go", "a.go", true},
      {"**/*.go", "x/a.go", true},
      {"**/*.go", "x/a.gox", false},
      {"a/**/b/*.c", "a/x/b/y.c", true},
      {"a/**/b/*.c", "a/x/b/z/y.c", false},
      {"[", "a", kBad},
  };
  for (const Case& c : cases) EXPECT_EQ(match_deep_path(c.pattern, c.path), c.expected) << c.pattern << " " << c.path;
}

TEST(Glob, TellsPatternsFromNames) {
  EXPECT_TRUE(has_wildcard("a*b"));
  EXPECT_TRUE(has_wildcard("a?"));
  EXPECT_TRUE(has_wildcard("[a]"));
  EXPECT_TRUE(has_wildcard("\\\\*"));
  EXPECT_FALSE(has_wildcard("a\\*b"));
  EXPECT_FALSE(has_wildcard("a]b"));
}

TEST(Glob, NoPatternIsSlow) {
  std::string pattern, deep;
  for (int i = 0; i < 1000; ++i) pattern += "a*", deep += "**/a*/";
  double begin = processor_seconds();
  EXPECT_EQ(match_path(pattern + "b", std::string(4000, 'a')), false);
  EXPECT_EQ(match_deep_path(deep + "b", std::string(4000, 'a')), false);
  EXPECT_LT(processor_seconds() - begin, 2);
}

}  // namespace
}  // namespace imgb
