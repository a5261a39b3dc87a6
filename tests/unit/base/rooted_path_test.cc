#include "core/base/rooted_path.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(RootedPath, CleanIsGosPathClean) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", "/"},
                                                                 {"/", "/"},
                                                                 {".", "/"},
                                                                 {"..", "/"},
                                                                 {"../../etc", "/etc"},
                                                                 {"a", "/a"},
                                                                 {"/a/", "/a"},
                                                                 {"a//b", "/a/b"},
                                                                 {"a/./b/.", "/a/b"},
                                                                 {"a/../b", "/b"},
                                                                 {"/a/b/../..", "/"},
                                                                 {"a/../../b", "/b"},
                                                                 {"...", "/..."},
                                                                 {"..a/b..", "/..a/b.."},
                                                                 {" a ", "/ a "},
                                                                 {"\xff\n", "/\xff\n"}};
  for (auto [text, want] : cases) EXPECT_EQ(RootedPath::clean(text).str(), want) << text;
}

TEST(RootedPath, NulIsRefused) {
  EXPECT_THROW(RootedPath::clean(std::string_view("a\0b", 3)), Error);
  EXPECT_THROW(RootedPath().join(std::string_view("\0", 1)), Error);
}

TEST(RootedPath, StrictTakesOnlyWhatIsClean) {
  EXPECT_EQ(RootedPath::parse_strict("/a/b").str(), "/a/b");
  EXPECT_EQ(RootedPath::parse_strict("a/b").str(), "/a/b");
  EXPECT_TRUE(RootedPath::parse_strict("").is_root());
  for (std::string_view bad : {"a/", "a//b", "./a", "a/../b", "..", "//a"})
    EXPECT_THROW(RootedPath::parse_strict(bad), Error) << bad;
}

TEST(RootedPath, Parts) {
  RootedPath path = RootedPath::clean("/a/bb/c");
  EXPECT_EQ(path.name(), "c");
  EXPECT_EQ(path.parent().str(), "/a/bb");
  EXPECT_EQ(path.relative(), "a/bb/c");
  EXPECT_EQ(path.components(), (std::vector<std::string_view>{"a", "bb", "c"}));
  EXPECT_EQ(RootedPath().name(), "");
  EXPECT_EQ(RootedPath().parent(), RootedPath());
  EXPECT_EQ(RootedPath::clean("a").parent(), RootedPath());
  EXPECT_TRUE(RootedPath().components().empty());
}

TEST(RootedPath, JoinAndChild) {
  RootedPath path = RootedPath::clean("/a/b");
  EXPECT_EQ(path.join("c/../d").str(), "/a/b/d");
  EXPECT_EQ(path.join("/x").str(), "/x");
  EXPECT_EQ(path.join("../../../x").str(), "/x");
  EXPECT_EQ(path.child("c").str(), "/a/b/c");
  EXPECT_EQ(RootedPath().child("c").str(), "/c");
  for (std::string_view bad : {"", ".", "..", "a/b"}) EXPECT_THROW(path.child(bad), Error) << bad;
}

TEST(RootedPath, BelowIsStrictAndByComponent) {
  RootedPath a = RootedPath::clean("/a"), ab = RootedPath::clean("/a/b"), ax = RootedPath::clean("/ax");
  EXPECT_TRUE(ab.is_below(a));
  EXPECT_TRUE(a.is_below(RootedPath()));
  EXPECT_FALSE(a.is_below(a));
  EXPECT_FALSE(ax.is_below(a));
  EXPECT_FALSE(RootedPath().is_below(RootedPath()));
}

}  // namespace
}  // namespace imgb
