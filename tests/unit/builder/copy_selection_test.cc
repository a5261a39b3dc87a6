#include "builder/copy_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> select(const TreeBuilder& files, std::string_view pattern, const SelectOptions& options = {}) {
  LayerCopyTree tree(TreeView().with(files.toc()));
  std::vector<std::string> out;
  for (const CopyItem& item : select_source(tree, pattern, options, {})) {
    out.push_back(item.name + (item.is_folder() ? "/" : ""));
    for (std::size_t i = 1; i < item.nodes.size(); ++i) out.push_back(item.nodes[i].path.str());
  }
  return out;
}

TreeBuilder sample() {
  return TreeBuilder()
      .dir("/dir1")
      .file("/dir1/a.txt", "a")
      .file("/dir1/b.md", "b")
      .dir("/dir2")
      .file("/dir2/c.txt", "c")
      .file("/home.txt", "h")
      .symlink("/link", "dir1")
      .symlink("/up", "../../home.txt")
      .symlink("/loop", "loop");
}

TEST(CopySelection, FolderFormsAreEqual) {
  auto want = ElementsAre("dir1/", "/dir1/a.txt", "/dir1/b.md");
  for (const char* form : {"dir1", "dir1/", "/dir1/.", "./dir1", "../dir1"})
    EXPECT_THAT(select(sample(), form), want) << form;
}

TEST(CopySelection, MissingLiteralPathIsAnErrorThatNamesIt) {
  try {
    select(sample(), "nope");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::not_found);
    EXPECT_THAT(std::string(e.what()), ::testing::HasSubstr("\"/nope\": not found"));
  }
}

TEST(CopySelection, WildcardWithoutMatchTakesNothing) { EXPECT_THAT(select(sample(), "*.zip"), IsEmpty()); }

TEST(CopySelection, MalformedPatternIsAnErrorEvenWhereNothingCouldMatch) {
  for (const char* pattern : {"a[", "none/a[", "di*/[", "dir1/[b-"}) {
    try {
      select(sample(), pattern);
      ADD_FAILURE() << pattern;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_THAT(e.what(), ::testing::HasSubstr("syntax error in pattern")) << pattern;
    }
  }
}

TEST(CopySelection, StarStaysInOneFolder) {
  EXPECT_THAT(select(sample(), "*.txt"), ElementsAre("home.txt"));
  EXPECT_THAT(select(sample(), "*/*.txt"), ElementsAre("a.txt", "c.txt"));
}

TEST(CopySelection, MatchedFolderGivesItsContent) {
  EXPECT_THAT(select(sample(), "dir*"), ElementsAre("dir1/", "/dir1/a.txt", "/dir1/b.md", "dir2/", "/dir2/c.txt"));
}

TEST(CopySelection, NamedSymlinkIsFollowedInsideTheTree) {
  EXPECT_THAT(select(sample(), "link"), ElementsAre("link/", "/dir1/a.txt", "/dir1/b.md"));
  EXPECT_THAT(select(sample(), "up"), ElementsAre("up"));
  EXPECT_THAT(select(sample(), "link/a.txt"), ElementsAre("a.txt"));
  EXPECT_THROW(select(sample(), "loop"), Error);
}

TEST(CopySelection, SymlinkInsideACopiedFolderStaysALink) {
  LayerCopyTree tree(TreeView().with(TreeBuilder().dir("/d").symlink("/d/l", "/etc/shadow").toc()));
  auto items = select_source(tree, "d", {}, {});
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].nodes[1].meta.type, FileType::symlink);
}

TEST(CopySelection, ExcludeIsRelativeToEachSourceFolder) {
  EXPECT_THAT(select(sample(), "dir*", {.exclude = {"*.txt"}}), ElementsAre("dir1/", "/dir1/b.md", "dir2/"));
  EXPECT_THAT(select(sample(), ".", {.exclude = {"*/*.txt", "link", "up", "loop"}}),
              ElementsAre("/", "/dir1", "/dir1/b.md", "/dir2", "/home.txt"));
}

TEST(CopySelection, ExcludeTestsASourceFilesName) {
  EXPECT_THAT(select(sample(), "hom*", {.exclude = {"*.txt"}}), IsEmpty());
}

TEST(CopySelection, ExceptionBringsBackAFileWithItsFolder) {
  EXPECT_THAT(select(sample(), ".", {.exclude = {"*", "!dir1/a.txt"}}), ElementsAre("/", "/dir1", "/dir1/a.txt"));
}

TEST(CopySelection, ParentsTakesDeepPatterns) {
  SelectOptions parents{.exclude = {}, .parents = true};
  EXPECT_THAT(select(sample(), "**/*.txt", parents),
              ElementsAre("/", "/dir1", "/dir1/a.txt", "/dir2", "/dir2/c.txt", "/home.txt"));
  EXPECT_THAT(select(sample(), "dir1", parents), ElementsAre("/", "/dir1", "/dir1/a.txt", "/dir1/b.md"));
  EXPECT_THROW(select(sample(), "nope/x", parents), Error);
  EXPECT_THAT(select(sample(), "*.zip", parents), IsEmpty());
}

TEST(CopySelection, ParentsWithAWildcardMayMissInSomeOfItsMatches) {
  SelectOptions parents{.exclude = {}, .parents = true};
  auto tree = TreeBuilder().dir("/src").dir("/src/x").file("/src/x/b", "b").dir("/src/z").file("/src/plain", "p");
  EXPECT_THAT(select(tree, "src/*/./b", parents), ElementsAre("x/", "/src/x/b"));
  EXPECT_THROW(select(tree, "src/z/./b", parents), Error);
}

TEST(IgnoringTree, HidesIgnoredFilesAndKeepsParentsOfExceptions) {
  LayerCopyTree all(TreeView().with(sample().toc()));
  IgnoreMatcher ignore(std::vector<std::string>{"dir1", "!dir1/b.md", "dir2"});
  IgnoringTree tree(all, ignore);
  EXPECT_FALSE(tree.find(RootedPath::clean("/dir2")));
  EXPECT_FALSE(tree.find(RootedPath::clean("/dir1/a.txt")));
  EXPECT_TRUE(tree.find(RootedPath::clean("/dir1/b.md")));
  EXPECT_TRUE(tree.find(RootedPath::clean("/dir1")).value().only_parent);
  EXPECT_THROW(select_source(tree, "dir2/c.txt", {}, {}), Error);
}

TEST(CopySelection, ALargeTreeComesInOrderHoweverManyThreadsListIt) {
  TreeBuilder files;
  std::vector<std::string> want{"d/"}, want_txt;
  files.dir("/d");
  for (int i = 100; i < 400; ++i) {
    std::string folder = "/d/" + std::to_string(i);
    files.dir(folder).file(folder + "/a", "").dir(folder + "/b").file(folder + "/b/c.txt", "");
    want.insert(want.end(), {folder, folder + "/a", folder + "/b", folder + "/b/c.txt"});
    want_txt.insert(want_txt.end(), {folder, folder + "/b", folder + "/b/c.txt"});
  }
  EXPECT_EQ(select(files, "d"), want);
  auto with_parents = select(files, "./d/**/*.txt", {.parents = true});
  with_parents.erase(with_parents.begin(), with_parents.begin() + 2);  // the item and /d
  EXPECT_EQ(with_parents, want_txt);
}

}  // namespace
}  // namespace imgb
