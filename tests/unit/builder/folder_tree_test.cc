#include "builder/folder_tree.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

constexpr FileTime kLongAgo = 1'000'000'000 * kNanosecondsPerSecond;

class FolderTreeTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view content) {
    std::ofstream(folder.path() / name) << content;
    dir.set_mtime(name, kLongAgo);
  }
  TreeView::Node walk(const FolderTree& tree) { return tree.find(RootedPath::clean("/f")).value().node; }
  /// A stat cache of a later build, which knows the file.
  StatCache after_one_build() {
    StatCache first;
    FolderTree tree(dir, first);
    tree.hash(walk(tree), dir.stat("f").ctime + 10 * kNanosecondsPerSecond, {});
    return StatCache(first.render());
  }

  TempDir folder;
  Dir dir = folder.dir();
};

TEST_F(FolderTreeTest, AnUnchangedFileKeepsItsDigestAndNeedsNoHashing) {
  write("f", "one");
  StatCache known = after_one_build();
  FolderTree tree(dir, known);
  TreeView::Node node = walk(tree);
  EXPECT_EQ(node.content, Digest::of("one"));
  FolderTree::Opened file = tree.open(node);
  EXPECT_TRUE(file.is_known);
  EXPECT_NO_THROW(tree.check_unchanged(node, file));
}

TEST_F(FolderTreeTest, AFileReplacedAfterTheWalkIsNotTakenForTheOneThatIsKnown) {
  write("f", "one");
  StatCache known = after_one_build();
  FolderTree tree(dir, known);
  TreeView::Node node = walk(tree);
  write("other", "two");  // as long, as old
  std::filesystem::rename(folder.path() / "other", folder.path() / "f");
  EXPECT_FALSE(tree.open(node).is_known);
}

TEST_F(FolderTreeTest, AFileThatWasNeverReadIsNotKnown) {
  write("f", "one");
  StatCache none;
  FolderTree tree(dir, none);
  TreeView::Node node = walk(tree);
  EXPECT_FALSE(node.content);
  EXPECT_FALSE(tree.open(node).is_known);
}

TEST_F(FolderTreeTest, AFileThatChangesWhileItIsReadIsAnError) {
  write("f", "one");
  StatCache known = after_one_build();
  FolderTree tree(dir, known);
  TreeView::Node node = walk(tree);
  FolderTree::Opened file = tree.open(node);
  write("f", "two");
  dir.set_mtime("f", kLongAgo + 1);
  EXPECT_THROW(tree.check_unchanged(node, file), Error);
}

TEST(LinkGroups, InodeCountsForItsDeviceAlone) {
  LinkGroups groups;
  auto file = [](std::uint64_t device, std::uint64_t inode) {
    FileStat stat{};
    stat.device = device;
    stat.inode = inode;
    return stat;
  };
  std::uint64_t one = groups.of(file(1, 2));
  EXPECT_NE(one, 0u) << "0 is no group";
  EXPECT_EQ(groups.of(file(1, 2)), one);
  EXPECT_NE(groups.of(file(2, 2)), one);
  EXPECT_NE(groups.of(file(1, 3)), one);
}

}  // namespace
}  // namespace imgb
