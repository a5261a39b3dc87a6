#include "core/base/rooted_path.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(RootedPath, CleaningNeverLeavesTheRoot) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "/"},         {"/", "/"},       {"a", "/a"},         {"/a//b/", "/a/b"}, {"./a/./b", "/a/b"},
      {"../../x", "/x"}, {"a/../b", "/b"}, {"a/../../b", "/b"}, {"...", "/..."},    {"a/..", "/"}};
  for (const auto& [text, want] : cases) EXPECT_EQ(RootedPath::clean(text).str(), want) << text;
  EXPECT_THROW(RootedPath::clean(std::string_view("a\0b", 3)), Error);
}

TEST(RootedPath, JoinsRelativeAndAbsolutePaths) {
  RootedPath app = RootedPath::clean("/app");
  EXPECT_EQ(app.join("src").str(), "/app/src");
  EXPECT_EQ(app.join("../x").str(), "/x");
  EXPECT_EQ(app.join("/abs").str(), "/abs");
  EXPECT_EQ(app.join("").str(), "/app");
  EXPECT_EQ(RootedPath().child("a").str(), "/a");
  EXPECT_THROW(app.child(".."), Error);
}

TEST(RootedPath, BelowIsByComponents) {
  EXPECT_TRUE(RootedPath::clean("/a/b").is_below(RootedPath::clean("/a")));
  EXPECT_FALSE(RootedPath::clean("/ab").is_below(RootedPath::clean("/a")));
  EXPECT_FALSE(RootedPath::clean("/a").is_below(RootedPath::clean("/a")));
  EXPECT_TRUE(RootedPath::clean("/a").is_below(RootedPath()));
  EXPECT_EQ(RootedPath::clean("/a/b").parent().str(), "/a");
  EXPECT_EQ(RootedPath::clean("/a/b").name(), "b");
}

}  // namespace
}  // namespace imgb
