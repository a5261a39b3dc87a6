#include "builder/ignore.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/processor_time.h"

namespace imgb {
namespace {

IgnoreMatcher matcher_of(std::string_view file) { return IgnoreMatcher(parse_ignore_file(file)); }

/// Walks a list of paths as a scan of folders does, through check() alone, and says which files it never reaches or
/// leaves out.
class Walk {
 public:
  explicit Walk(const IgnoreMatcher& matcher) : matcher_(matcher) {}
  bool ignores(const std::string& path) const {
    IgnoreMatcher::Folder folder = matcher_.root();
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      auto verdict = matcher_.check(folder, path.substr(0, slash));
      if (verdict.prune) return true;
      folder = verdict.folder;
    }
    return matcher_.check(folder, path).ignored;
  }

 private:
  const IgnoreMatcher& matcher_;
};

TEST(Ignore, LeavesOutWhatBuildKitLeavesOut) {
  std::ifstream file(IMGB_TEST_DATA "/ignore.json");
  auto table = nlohmann::json::parse(file);
  ASSERT_GT(table["cases"].size(), 80u);
  for (const auto& entry : table["cases"]) {
    std::string text = entry[0];
    if (entry[1].is_null()) {
      EXPECT_THROW(matcher_of(text), Error) << text;
      continue;
    }
    const IgnoreMatcher matcher = matcher_of(text);
    const Walk walk(matcher);
    std::set<std::string> ignored = entry[1];
    for (const std::string path : table["paths"]) {
      EXPECT_EQ(matcher.ignores(path), ignored.contains(path)) << path << " under:\n" << text;
      EXPECT_EQ(walk.ignores(path), ignored.contains(path)) << path << " walked to under:\n" << text;
    }
  }
}

TEST(Ignore, ReadsTheFileLineByLine) {
  std::vector<std::string> expected{"a", "!b", "c/d", "/", "!", " #not a comment"};
  expected.back() = "#not a comment";
  EXPECT_EQ(parse_ignore_file("\xEF\xBB\xBF/a/\r\n# comment\n\n ! /b \nc//./d\n/\n!\n #not a comment"), expected);
}

TEST(Ignore, NamesTheBadPattern) {
  try {
    matcher_of("ok\na[\n");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "syntax error in pattern \"a[\"");
    EXPECT_EQ(e.kind(), ErrorKind::input);
  }
}

bool prunes(const IgnoreMatcher& matcher, std::string_view folder) {
  return matcher.check(matcher.root(), folder).prune;
}

TEST(Ignore, AFolderIsPrunedOnlyWhenNothingBelowComesBack) {
  EXPECT_TRUE(prunes(matcher_of("a"), "a"));
  EXPECT_FALSE(prunes(matcher_of("a"), "b"));
  EXPECT_FALSE(prunes(matcher_of("a\n!a/b/c"), "a"));
  EXPECT_TRUE(prunes(matcher_of("a\n!ab/c"), "a"));
  EXPECT_FALSE(prunes(matcher_of("*\n!**/*.md"), "a"));
  EXPECT_FALSE(prunes(matcher_of("*\n!?/x"), "a"));
  EXPECT_TRUE(prunes(matcher_of("*\n!?/x"), "ab"));
  EXPECT_TRUE(prunes(matcher_of("!a/b\na"), "a")) << "a later pattern overrules the one that brings back";
  EXPECT_TRUE(prunes(matcher_of("a\n!b*"), "a"));
}

TEST(Ignore, AnEmptyListIgnoresNothing) {
  EXPECT_TRUE(IgnoreMatcher().empty());
  EXPECT_FALSE(IgnoreMatcher().ignores("a"));
  EXPECT_TRUE(matcher_of("# only\n").empty());
}

double seconds_for(const IgnoreMatcher& matcher, const std::vector<std::string>& paths) {
  double begin = processor_seconds();
  for (const std::string& path : paths) matcher.ignores(path);
  return processor_seconds() - begin;
}

TEST(Ignore, HostilePatternsStayFast) {
  std::string stars, deep;
  for (int i = 0; i < 60; ++i) stars += "*a", deep += "**/a/";
  const std::string path(2000, 'a');
  std::string nested;
  for (int i = 0; i < 500; ++i) nested += "a/";
  nested += "b";
  EXPECT_LT(seconds_for(matcher_of(stars + "b\n" + deep + "c\n**/[a-z]*[a-z]*[a-z]*[0-9]\n"), {path, nested}), 2.0);
}

TEST(Ignore, ManyPlainPatternsCostAsMuchAsOne) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "dir" + std::to_string(i) + "/file\n**/name" + std::to_string(i) + "\n";
  const IgnoreMatcher matcher = matcher_of(text);
  std::vector<std::string> paths;
  for (int i = 0; i < 30'000; ++i) paths.push_back("some/folder/dir" + std::to_string(i) + "/file");
  EXPECT_LT(seconds_for(matcher, paths), 2.0);
  EXPECT_TRUE(matcher.ignores("dir99999/file"));
  EXPECT_TRUE(matcher.ignores("x/name99999"));
  EXPECT_FALSE(matcher.ignores("x/dir1/file"));
}

}  // namespace
}  // namespace imgb
