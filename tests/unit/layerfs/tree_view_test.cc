#include "layerfs/tree_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

using testing::ElementsAre;

TreeView view(std::initializer_list<TreeBuilder> layers) {
  TreeView tree;
  for (const TreeBuilder& layer : layers) tree = tree.with(layer.toc());
  return tree;
}
std::optional<TreeView::Node> find(const TreeView& tree, std::string_view path) {
  return tree.find(RootedPath::parse_strict(path));
}
std::string resolve(const TreeView& tree, std::string_view path, bool follow_last = true) {
  return tree.resolve(RootedPath::clean(path), follow_last).str();
}
std::vector<std::string> paths(const TreeView& tree) {
  std::vector<std::string> out;
  tree.walk(RootedPath(), [&](const TreeView::Node& node) {
    out.push_back(node.path.str());
    return true;
  });
  return out;
}

TEST(TreeView, TheEmptyTreeIsARootFolder) {
  auto root = TreeView().find(RootedPath());
  ASSERT_TRUE(root);
  EXPECT_EQ(root->meta.type, FileType::directory);
  EXPECT_EQ(root->meta.mode, 0755u);
  EXPECT_TRUE(TreeView().children(RootedPath()).empty());
}

TEST(TreeView, ADescentFindsWhatFindDoesAndNothingWhereNothingIs) {
  TreeView tree = view({TreeBuilder().dir("/a", 0700).file("/a/b/c", "").file("/a-b", "").file("/x/y", ""),
                        TreeBuilder().removed("/x").file("/a/b/d", "")});
  TreeView::Descent at(tree);
  for (const char* path : {"/a/b/c", "/a/b", "/a/b/d", "/a/none/of/it", "/a", "/x/y", "/a-b/c", "/"}) {
    at.go_to(RootedPath::parse_strict(path));
    EXPECT_EQ(at.path().str(), path);
    auto found = find(tree, path), node = at.node();
    ASSERT_EQ(node.has_value(), found.has_value()) << path;
    EXPECT_TRUE(!node || node->meta == found->meta) << path;
    EXPECT_EQ(at.is_folder(), found && found->meta.type == FileType::directory) << path;
  }
  EXPECT_THAT(at.names(), ElementsAre("a", "a-b", "x"));  // removed ones too
}

TEST(TreeView, TheUpperLayerWinsAndNamesItself) {
  TreeView tree = view({TreeBuilder().file("/a", "old"), TreeBuilder().file("/a", "new", 0600)});
  EXPECT_EQ(find(tree, "/a")->content, Digest::of("new"));
  EXPECT_EQ(find(tree, "/a")->layer, 1u);
  EXPECT_EQ(find(tree, "/a")->meta.mode, 0600u);
}

TEST(TreeView, AFolderThatIsOnlyAParentTakesItsMetadataFromBelow) {
  TreeView tree = view({TreeBuilder().dir("/srv", 0700).owner(7, 8), TreeBuilder().file("/srv/x", "")});
  EXPECT_EQ(find(tree, "/srv")->meta.mode, 0700u);
  EXPECT_EQ(find(tree, "/srv")->meta.uid, 7u);
  EXPECT_EQ(find(tree, "/srv/x")->layer, 1u);
}

TEST(TreeView, AParentThatNoLayerNamesIsAPlainFolder) {
  TreeView tree = view({TreeBuilder().file("/a/b/c", "")});
  EXPECT_EQ(find(tree, "/a/b")->meta.type, FileType::directory);
  EXPECT_EQ(find(tree, "/a/b")->meta.mode, 0755u);
}

TEST(TreeView, AWhiteoutHidesAPathAndAllBelowIt) {
  TreeView tree = view({TreeBuilder().dir("/a").file("/a/x", "1").file("/a-b", ""), TreeBuilder().removed("/a")});
  EXPECT_FALSE(find(tree, "/a"));
  EXPECT_FALSE(find(tree, "/a/x"));
  EXPECT_TRUE(find(tree, "/a-b"));
}

TEST(TreeView, AWhiteoutDoesNotReachTheLayersAboveIt) {
  TreeView tree = view({TreeBuilder().file("/a/x", "1").file("/a/y", "1"), TreeBuilder().removed("/a"),
                        TreeBuilder().file("/a/y", "2")});
  EXPECT_FALSE(find(tree, "/a/x"));
  EXPECT_EQ(find(tree, "/a/y")->content, Digest::of("2"));
}

TEST(TreeView, AWhiteoutAloneDoesNotMakeItsParent) {
  TreeView tree = view({TreeBuilder().removed("/nowhere/x")});
  EXPECT_FALSE(find(tree, "/nowhere"));
}

TEST(TreeView, AnOpaqueFolderShowsOnlyItsOwnLayerAndThoseAbove) {
  TreeView tree = view({TreeBuilder().dir("/d").file("/d/old", ""), TreeBuilder().opaque("/d").file("/d/new", ""),
                        TreeBuilder().file("/d/newer", "")});
  EXPECT_THAT(paths(tree), ElementsAre("/", "/d", "/d/new", "/d/newer"));
}

TEST(TreeView, AFileReplacesAFolderAndAFolderAFile) {
  TreeView tree = view({TreeBuilder().file("/a/x", ""), TreeBuilder().file("/a", "file")});
  EXPECT_FALSE(find(tree, "/a/x"));
  tree = tree.with(TreeBuilder().dir("/a").file("/a/z", "").toc());
  EXPECT_FALSE(find(tree, "/a/x"));
  EXPECT_THAT(paths(tree), ElementsAre("/", "/a", "/a/z"));
}

TEST(TreeView, ASymlinkBelowAParentByImplicationIsReplacedByAFolder) {
  TreeView tree =
      view({TreeBuilder().symlink("/lib", "usr/lib").file("/usr/lib/a", ""), TreeBuilder().file("/lib/b", "")});
  EXPECT_EQ(find(tree, "/lib")->meta.type, FileType::directory);
  EXPECT_THAT(paths(tree), ElementsAre("/", "/lib", "/lib/b", "/usr", "/usr/lib", "/usr/lib/a"));
}

TEST(TreeView, WalksInOrderOfPathBytesAndSkipsWhatItIsTold) {
  TreeView tree =
      view({TreeBuilder().file("/a/c", "").file("/a-b/d", "").file("/a.b", "").dir("/a-b-c").file("/a0", "")});
  EXPECT_THAT(paths(tree), ElementsAre("/", "/a", "/a-b", "/a-b-c", "/a-b/d", "/a.b", "/a/c", "/a0"));
  std::vector<std::string> seen;
  tree.walk(RootedPath(), [&](const TreeView::Node& node) {
    seen.push_back(node.path.str());
    return node.path.str() != "/a";
  });
  EXPECT_THAT(seen, ElementsAre("/", "/a", "/a-b", "/a-b-c", "/a-b/d", "/a.b", "/a0"));
}

TEST(TreeView, ChildrenAreSortedAndMergedAcrossLayers) {
  TreeView tree = view(
      {TreeBuilder().file("/d/b", "").file("/d/sub/deep/x", ""), TreeBuilder().file("/d/a", "").file("/d/sub/y", "")});
  std::vector<std::string> names;
  for (const auto& node : tree.children(RootedPath::parse_strict("/d"))) names.emplace_back(node.path.name());
  EXPECT_THAT(names, ElementsAre("a", "b", "sub"));
  EXPECT_TRUE(tree.children(RootedPath::parse_strict("/d/a")).empty());
}

TEST(TreeView, NamesOfOneFileShareAGroupAndItsMetadata) {
  TreeView tree =
      view({TreeBuilder().file("/a", "x", 0640).hard_link("/b", "/a").hard_link("/c", "/a").file("/d", "x")});
  EXPECT_NE(find(tree, "/a")->link_group, 0u);
  EXPECT_EQ(find(tree, "/a")->link_group, find(tree, "/b")->link_group);
  EXPECT_EQ(find(tree, "/c")->link_group, find(tree, "/b")->link_group);
  EXPECT_EQ(find(tree, "/d")->link_group, 0u);
  EXPECT_EQ(find(tree, "/b")->meta.mode, 0640u);
  EXPECT_EQ(find(tree, "/b")->content, Digest::of("x"));
}

TEST(TreeView, AHardLinkIntoALowerLayerFindsTheBytesThere) {
  TreeView tree = view({TreeBuilder().file("/a", "x"), TreeBuilder().hard_link("/b", "/a")});
  EXPECT_EQ(find(tree, "/b")->layer, 1u);
  EXPECT_EQ(find(tree, "/b")->data_layer, 0u);
  EXPECT_EQ(find(tree, "/b")->content, Digest::of("x"));
  EXPECT_THROW(find(view({TreeBuilder().hard_link("/b", "/none")}), "/b"), Error);
}

TEST(TreeView, ResolvesLinksAsChrootWould) {
  TreeView tree = view({TreeBuilder()
                            .symlink("/bin", "usr/bin")
                            .file("/usr/bin/sh", "")
                            .symlink("/up", "../../usr")
                            .symlink("/abs", "/usr/bin")
                            .symlink("/usr/bin/here", ".")
                            .symlink("/loop", "loop")});
  EXPECT_EQ(resolve(tree, "/bin/sh"), "/usr/bin/sh");
  EXPECT_EQ(resolve(tree, "/bin"), "/usr/bin");
  EXPECT_EQ(resolve(tree, "/bin", false), "/bin");
  EXPECT_EQ(resolve(tree, "/up/bin/here/sh"), "/usr/bin/sh");
  EXPECT_EQ(resolve(tree, "/abs/here/../x/y"), "/usr/bin/x/y");
  EXPECT_EQ(resolve(tree, "/not/there"), "/not/there");
  EXPECT_THROW(resolve(tree, "/loop/x"), Error);
}

}  // namespace
}  // namespace imgb
