// Names, marks and scratch folders: what a store of snapshots knows about itself.
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "tests/system/layerfs/snapshots.h"

namespace imgb {
namespace {

TEST_F(SnapshotTest, NamesAreShortAndStay) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/a", "")), layer(TreeBuilder().file("/b", ""))};
  auto names = ensure(stack);
  EXPECT_EQ(names[0].size(), 6u);
  EXPECT_EQ(SnapshotStore(store).ensure(stack, nullptr, {}, {}), names);  // nothing to stream: all is there
}

TEST_F(SnapshotTest, ScratchOfTheDeadIsSweptAndThatOfTheLivingIsNot) {
  auto living = snapshots.make_scratch({});
  snapshots.folder().make_dir("s-0123456789abcdef", 0700);
  snapshots.folder().make_dir("s-0123456789abcdef/u", 0700);
  {
    SnapshotStore other(store);
    auto second = other.make_scratch({});
  }
  EXPECT_FALSE(snapshots.folder().find_stat("s-0123456789abcdef"));
  EXPECT_TRUE(snapshots.folder().find_stat(living.upper()));
}

TEST_F(SnapshotTest, AMarkOfAnotherBootDoesNotCountUntilItWasSettled) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/a", "x"))};
  std::string name = ensure(stack)[0];
  auto spoil_boot = [&] {
    std::string mark = snapshots.folder().read_file(name + ".ok", 1000);
    std::size_t space = mark.find(' ');
    if (mark.substr(space + 1) == "durable\n") return false;
    snapshots.folder().replace_file(name + ".ok", mark.substr(0, space + 1) + "another-boot\n", 0600);
    return true;
  };
  EXPECT_TRUE(spoil_boot());
  snapshots.folder().replace_file(name + "/a", "torn", 0600);
  EXPECT_FALSE(SnapshotStore(store).has(stack));
  EXPECT_EQ(SnapshotStore(store).ensure(stack, stream_from(store.blobs()), {}, {})[0], name);
  EXPECT_EQ(snapshots.folder().read_file(name + "/a", 10), "x");
  settle_snapshots(store.root());
  EXPECT_FALSE(spoil_boot());
  EXPECT_TRUE(SnapshotStore(store).has(stack));
}

TEST_F(SnapshotTest, TwoStacksThatBeginAlikeGetDifferentNames) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/a", "x"))};
  std::string name = ensure(stack)[0];
  std::string boot = snapshots.folder().read_file(name + ".ok", 1000).substr(71);
  snapshots.folder().replace_file(name + ".ok", Digest::of("other stack").str() + boot, 0600);
  SnapshotStore again(store);
  std::string second = again.ensure(stack, stream_from(store.blobs()), {}, {})[0];
  EXPECT_EQ(second.size(), 9u);
  EXPECT_TRUE(second.starts_with(name));
  EXPECT_TRUE(SnapshotStore(store).has(stack));
}

/// ext4 looks anew at each inode that was freed near by, for every file that it makes: snapshots are kept apart.
TEST_F(SnapshotTest, Ext4IsAskedToPlaceSnapshotsApart) {
  struct statfs system {};
  ASSERT_EQ(::fstatfs(snapshots.folder().fd().get(), &system), 0);
  if (system.f_type != EXT4_SUPER_MAGIC) GTEST_SKIP() << "no ext4 here";
  snapshots.make_scratch({});
  int flags = 0;
  ASSERT_EQ(::ioctl(snapshots.folder().fd().get(), FS_IOC_GETFLAGS, &flags), 0);
  EXPECT_TRUE(flags & FS_TOPDIR_FL);
}

}  // namespace
}  // namespace imgb
