// Where overlayfs is not to be had steps work in whole trees: the layers are the same.
#include <fcntl.h>
#include <sys/xattr.h>

#include "layerfs/copy_tree.h"
#include "tests/system/layerfs/snapshots.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr Nanoseconds kSecond = 1'000'000'000;

class TreeTest : public SnapshotTest {
 protected:
  using Step = std::function<void(const std::string& root)>;

  static SnapshotStore::CommitOptions clamped() { return {.layer = {.max_mtime = 1000 * kSecond}, .leave_out = {}}; }
  /// The layer that the step makes of a tree of its own.
  Layer run_in_tree(const std::vector<Layer>& below, const Step& step, SnapshotStore::CommitOptions options = clamped(),
                    bool adopt = true) {
    auto root = trees.make_root(below, stream_from(store.blobs()), {}, SnapshotStore::Use::layer, {});
    EXPECT_TRUE(root.scratch.is_tree());
    step(trees.folder().name() + "/" + root.scratch.upper());
    Layer made = trees.commit(root.scratch, below, options, {});
    if (adopt) trees.adopt(std::move(root.scratch), below, made);
    return made;
  }
  Layer run_in_overlay(const std::vector<Layer>& below, const Step& step) {
    return run(
        below, [&](Overlay& root) { step(root.path("")); }, clamped());
  }
  /// Both ways give one layer, which has these entries.
  template <class Matcher>
  Layer expect_same(const std::vector<Layer>& below, const Step& step, Matcher matcher) {
    Layer overlay = run_in_overlay(below, step), tree = run_in_tree(below, step);
    EXPECT_THAT(entries(tree), matcher);
    EXPECT_EQ(entries(overlay), entries(tree));
    EXPECT_EQ(overlay.diff_id, tree.diff_id);
    return tree;
  }
  std::vector<std::string> list_tree(const std::vector<Layer>& stack) {
    std::string name = trees.ensure(stack, stream_from(store.blobs()), {}, {}).at(0);
    return list(trees.folder().open_dir(name));
  }

  SnapshotStore trees{store, [] { return SnapshotForm::trees; }};
};

Layer base_of(Store& store) {
  return TreeBuilder()
      .dir("/etc")
      .file("/etc/keep", "k")
      .file("/etc/gone", "g")
      .dir("/old")
      .file("/old/x", "x")
      .dir("/swap")
      .file("/swap/a", "a")
      .dir("/swap/deep")
      .file("/swap/deep/b", "b")
      .file("/linked", "l")
      .hard_link("/linked2", "/linked")
      .symlink("/s", "etc")
      .file("/attr", "a")
      .xattr("user.mine", "1")
      .write_layer(store);
}

TEST_F(TreeTest, AStepsChangesAreTheLayerThatOverlayfsGives) {
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        write(root + "/etc/new", "n");
        ::unlink((root + "/etc/gone").c_str());
        fs::remove_all(root + "/old");
        ::mkdir((root + "/fresh").c_str(), 0755);
        ::link((root + "/etc/new").c_str(), (root + "/fresh/link").c_str());
        ::chmod((root + "/etc/keep").c_str(), 0600);
        ::unlink((root + "/s").c_str());
        ::symlink("elsewhere", (root + "/s").c_str());
      },
      ElementsAre("/etc", "-/etc/gone", "/etc/keep", "/etc/new", "/fresh", "/fresh/link -> /etc/new", "-/old", "/s"));
}

TEST_F(TreeTest, AFolderThatIsMadeAnewHasWhiteoutsForWhatItHadAlone) {
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        fs::remove_all(root + "/swap");
        ::mkdir((root + "/swap").c_str(), 0700);
        ::mkdir((root + "/swap/deep").c_str(), 0755);
        write(root + "/swap/deep/c", "c");
      },
      ElementsAre("/swap", "-/swap/a", "/swap/deep", "-/swap/deep/b", "/swap/deep/c"));
}

TEST_F(TreeTest, ThingsOfAnotherTypeReplaceWhatWasThere) {
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        fs::remove_all(root + "/old");
        write(root + "/old", "a file now");
        ::unlink((root + "/attr").c_str());
        ::mkdir((root + "/attr").c_str(), 0755);
        write(root + "/attr/in", "");
        ::unlink((root + "/etc/gone").c_str());
        ::mknod((root + "/etc/gone").c_str(), S_IFSOCK | 0600, 0);
      },
      ElementsAre("/attr", "/attr/in", "/etc", "-/etc/gone", "/old"));
}

TEST_F(TreeTest, FoldersAndFilesThatWereMovedAreNewWhereTheyAre) {
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        // As mv: overlayfs lets no folder of a lower layer be renamed.
        ::mkdir((root + "/moved").c_str(), 0755);
        ::mkdir((root + "/moved/deep").c_str(), 0755);
        ::rename((root + "/swap/a").c_str(), (root + "/moved/a").c_str());
        ::rename((root + "/swap/deep/b").c_str(), (root + "/moved/deep/b").c_str());
        fs::remove_all(root + "/swap");
        ::rename((root + "/etc/gone").c_str(), (root + "/etc/keep").c_str());
      },
      ElementsAre("/etc", "-/etc/gone", "/etc/keep", "/moved", "/moved/a", "/moved/deep", "/moved/deep/b", "-/swap"));
  // In a tree a whole folder can be renamed, also to where another one was: none of its files was touched.
  Layer made = run_in_tree({base_of(store)}, [](const std::string& root) {
    fs::remove_all(root + "/old");
    ::rename((root + "/swap").c_str(), (root + "/old").c_str());
  });
  EXPECT_THAT(entries(made), ElementsAre("/old", "/old/a", "/old/deep", "/old/deep/b", "-/old/x", "-/swap"));
}

TEST_F(TreeTest, WhatWasOpenedOrTouchedAndIsAsItWasLeavesNoEntry) {
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        Fd locked(::open((root + "/etc/keep").c_str(), O_RDWR));  // as dpkg locks its database
        ::chmod((root + "/old/x").c_str(), 0600);
        ::chmod((root + "/old/x").c_str(), 0644);
        write(root + "/made", "");
        ::unlink((root + "/made").c_str());
      },
      IsEmpty());
}

TEST_F(TreeTest, ModesOwnersAndAttributesAloneAreChangesToo) {
  Layer made = expect_same(
      {base_of(store)},
      [](const std::string& root) {
        ::chmod((root + "/swap").c_str(), 0711);
        ::chown((root + "/old/x").c_str(), 5, 6);
        ::setxattr((root + "/attr").c_str(), "user.more", "2", 1, 0);
        ::lchown((root + "/s").c_str(), 7, 7);
      },
      ElementsAre("/attr", "/old", "/old/x", "/s", "/swap"));
  auto toc = toc_of(store, made, {});
  EXPECT_EQ((*toc)[*toc->find("/attr", TocEntry::Kind::file)].meta.xattrs,
            (Xattrs{{"user.mine", "1"}, {"user.more", "2"}}));
}

TEST_F(TreeTest, ContentOfTheSameLengthAndTimeIsAChange) {
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        std::string path = root + "/old/x";
        struct stat before {};
        ASSERT_EQ(::stat(path.c_str(), &before), 0);
        write(path, "y");
        timespec times[2] = {before.st_atim, before.st_mtim};
        ::utimensat(AT_FDCWD, path.c_str(), times, 0);
      },
      ElementsAre("/old", "/old/x"));
}

TEST_F(TreeTest, NamesOfOneFileStayNamesOfOneFile) {
  // chown -R: overlayfs copies the file for each name.
  expect_same(
      {base_of(store)},
      [](const std::string& root) {
        for (const char* name : {"/linked", "/linked2"}) ::chown((root + name).c_str(), 9, 9);
      },
      ElementsAre("/linked", "/linked2 -> /linked"));
  expect_same(
      {base_of(store)}, [](const std::string& root) { ::unlink((root + "/linked2").c_str()); },
      ElementsAre("-/linked2"));
  // The other one stays where it is.
  expect_same(
      {base_of(store)},
      [](const std::string& root) { ::rename((root + "/linked").c_str(), (root + "/etc/moved").c_str()); },
      ElementsAre("/etc", "/etc/moved", "-/linked"));
  expect_same(
      {base_of(store)},
      [](const std::string& root) { ::link((root + "/etc/keep").c_str(), (root + "/etc/second").c_str()); },
      ElementsAre("/etc", "/etc/keep", "/etc/second -> /etc/keep"));
}

TEST_F(TreeTest, StepsFollowEachOtherInOneTreeAndTheLayersAddUpToIt) {
  Layer base = base_of(store);
  Layer first = run_in_tree({base}, [](const std::string& root) {
    write(root + "/etc/one", "1");
    fs::remove_all(root + "/old");
  });
  Layer second = run_in_tree({base, first}, [](const std::string& root) {
    EXPECT_TRUE(fs::exists(root + "/etc/one"));
    ::unlink((root + "/etc/one").c_str());
    ::mkdir((root + "/old").c_str(), 0700);
    write(root + "/old/y", "2");
  });
  EXPECT_THAT(entries(second), ElementsAre("/etc", "-/etc/one", "/old", "/old/y"));
  EXPECT_EQ(trees.list().size(), 1u) << "the tree was taken on, not copied";
  auto left = list_tree({base, first, second});
  SnapshotStore again(store, [] { return SnapshotForm::trees; });
  again.take_out(CollectionLock(store.root()), names_of(again.list()));
  Layer third = run_in_tree({base, first, second}, [&](const std::string& root) {
    EXPECT_EQ(list(Dir::open_host(root)).size(), left.size());
    EXPECT_EQ(Dir::open_host(root).read_file("old/y", 10), "2");
    EXPECT_FALSE(fs::exists(root + "/old/x"));
  });
  EXPECT_THAT(entries(third), IsEmpty());
}

TEST_F(TreeTest, LayersMergeIntoTheTreeThatOverlayfsShows) {
  std::vector<Layer> stack{
      layer(TreeBuilder()
                .dir("/a", 0700)
                .owner(1, 2)
                .file("/a/one", "1")
                .dir("/a/sub")
                .file("/a/sub/x", "x")
                .file("/f", "f")
                .dir("/o")
                .file("/o/old", "")
                .symlink("/l", "a")),
      layer(TreeBuilder()
                .file("/a/two", "2")
                .removed("/a/one")
                .dir("/f")
                .file("/f/in", "")
                .opaque("/o")
                .file("/o/new", "")
                .hard_link("/again", "/a/sub/x")
                .file("/l/inside", "")),
      layer(TreeBuilder().dir("/a/sub", 0555).mtime(7 * kSecond).xattr("user.n", "v").removed("/gone/there"))};
  auto tree = list_tree(stack), overlay = tree_of(stack);
  EXPECT_EQ(tree, overlay);
  EXPECT_THAT(tree, testing::Contains("/a/sub 555 0:0 7"));
}

TEST_F(TreeTest, ATreeThatIsReadIsNotTakenByAStep) {
  Layer base = base_of(store);
  std::string held = trees.ensure(std::vector{base}, stream_from(store.blobs()), {}, {}).at(0);
  SnapshotStore other(store, [] { return SnapshotForm::trees; });
  auto root = other.make_root(std::vector{base}, stream_from(store.blobs()), {}, SnapshotStore::Use::container, {});
  EXPECT_EQ(list(trees.folder().open_dir(held)), list(trees.folder().open_dir(root.scratch.upper())));
  write(trees.folder().name() + "/" + root.scratch.upper() + "/etc/keep", "changed");
  EXPECT_EQ(trees.folder().read_file(held + "/etc/keep", 100), "k");
  EXPECT_EQ(trees.folder().stat(root.scratch.upper() + "/linked").link_count, 2u);
}

TEST_F(TreeTest, MountStubsLeaveNoTraceAndWhatTheImageHasStays) {
  Layer base = layer(TreeBuilder().dir("/proc").dir("/etc").file("/etc/hosts", ""));
  SnapshotStore::CommitOptions options = clamped();
  for (const char* path : {"/proc", "/etc/hosts", "/etc/resolv.conf", "/sys"})
    options.leave_out.push_back(RootedPath::clean(path));
  Layer made = run_in_tree(
      {base},
      [](const std::string& root) {
        struct stat before {};
        ASSERT_EQ(::stat((root + "/etc").c_str(), &before), 0);
        write(root + "/etc/resolv.conf", "");
        timespec times[2] = {before.st_atim, before.st_mtim};
        ::utimensat(AT_FDCWD, (root + "/etc").c_str(), times, 0);  // as the sandbox does
        ::mkdir((root + "/sys").c_str(), 0755);
      },
      options);
  EXPECT_THAT(entries(made), IsEmpty());
}

TEST_F(TreeTest, V7ADeviceThatLooksLikeAWhiteoutIsNothing) {
  Layer made = run_in_tree({base_of(store)}, [](const std::string& root) {
    ::mknod((root + "/w").c_str(), S_IFCHR | 0600, 0);
    ::unlink((root + "/etc/keep").c_str());
    ::mknod((root + "/etc/keep").c_str(), S_IFCHR | 0600, 0);
    ::setxattr((root + "/swap").c_str(), "user.overlay.opaque", "y", 1, 0);
  });
  EXPECT_THAT(entries(made), ElementsAre("/etc", "-/etc/keep"));
}

TEST_F(TreeTest, CopiesOfTreesKeepHolesLinksAndAttributes) {
  Layer base = base_of(store);
  std::string name = trees.ensure(std::vector{base}, stream_from(store.blobs()), {}, {}).at(0);
  std::string path = trees.folder().name() + "/" + name;
  ASSERT_EQ(::truncate((path + "/old/x").c_str(), 64 << 20), 0);
  copy_tree(trees.folder().open_dir(name), trees.folder(), "copy", {});
  EXPECT_EQ(trees.folder().stat("copy/old/x").size_bytes, 64u << 20);
  EXPECT_LT(trees.folder().stat("copy/old/x").disk_bytes, 1u << 20);
  EXPECT_EQ(trees.folder().xattrs("copy/attr").at("user.mine"), "1");
  EXPECT_EQ(trees.folder().stat("copy/linked").inode, trees.folder().stat("copy/linked2").inode);
}

}  // namespace
}  // namespace imgb
