// Layers become folders, of which an overlay makes the image.
#include <sys/sysmacros.h>

#include <thread>

#include "tests/support/tar_forger.h"
#include "tests/system/layerfs/snapshots.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SnapshotTest, UnpacksAStackAsAnOverlayShowsIt) {
  constexpr FileTime kSecond = 1'000'000'000;
  Layer base = layer(TreeBuilder()
                         .dir("/etc", 0750)
                         .owner(1, 2)
                         .mtime(7 * kSecond)
                         .file("/etc/a", "a", 04755)
                         .owner(5, 6)
                         .mtime(9 * kSecond)
                         .file("/etc/b", "b")
                         .symlink("/s", "etc")
                         .hard_link("/etc/c", "/etc/a")
                         .dir("/old")
                         .file("/old/x", "")
                         .device("/null", FileType::character_device, makedev(1, 3)));
  Layer top =
      layer(TreeBuilder().file("/etc/new", "n").mtime(3 * kSecond).removed("/etc/b").opaque("/old").file("/old/y", ""));
  EXPECT_THAT(tree_of({base, top}),
              ElementsAre("/etc 750 1:2 7", "/etc/a 4755 5:6 9 a", "/etc/c 4755 5:6 9 a", "/etc/new 644 0:0 3 n",
                          "/null 600 0:0 0 c 259", "/old 755 0:0 0", "/old/y 644 0:0 0 ", "/s 777 0:0 0 -> etc"));
  EXPECT_TRUE(snapshots.has(std::vector{base, top}));
}

TEST_F(SnapshotTest, HostileLayersUnpackInsideTheirFolder) {
  TempDir outside;
  std::string canary = outside.path().string(), victim = canary + "/victim";
  write(victim, "alive");
  ::chmod(victim.c_str(), 0600);
  TarForger tar;
  tar.symlink("a", canary).file("a/pwn", "x");                                // V3
  tar.symlink("f", victim).add({.name = "f", .data = "new", .mode = 06777});  // V9
  tar.symlink("l", victim).hard_link("h", "l").file("h", "data");             // V4
  tar.dir("d").file("d/old").file("d").dir("d");                              // V17
  tar.symlink("w", canary).file("w/.wh.victim").file("w/.wh..wh..opq");       // V6
  tar.file("/absolute", "y");                                                 // V2
  Descriptor blob = write_blob(store.blobs(), tar.finish(), std::string(media_type::kOciLayer));
  std::string name = ensure({Layer{blob, DiffId{Digest::of(tar.finish())}}})[0];
  Dir root = snapshots.folder().open_dir(name);
  EXPECT_EQ(root.read_file(canary + "/pwn", 10), "x");
  EXPECT_EQ(root.stat("f").mode, 06777u);
  EXPECT_EQ(root.read_file("h", 10), "data");
  EXPECT_EQ(root.read_link("l"), victim);
  EXPECT_TRUE(root.open_dir("d").list().empty());
  EXPECT_EQ(root.read_file("absolute", 10), "y");
  EXPECT_EQ(outside.dir().list().size(), 1u);
  EXPECT_EQ(outside.dir().read_file("victim", 10), "alive");
  EXPECT_EQ(outside.dir().stat("victim").mode, 0600u);
}

TEST_F(SnapshotTest, AParentOnlyFolderTakesItsMetadataFromTheLayerBelow) {
  Layer base = layer(
      TreeBuilder().dir("/d", 0700).owner(7, 8).mtime(5'000'000'000).xattr("user.a", "b").dir("/", 0711).owner(3, 4));
  auto names = ensure({base, layer(TreeBuilder().file("/d/x", ""))});
  Dir upper = snapshots.folder().open_dir(names[1]);
  EXPECT_EQ(upper.stat("d").mode, 0700u);
  EXPECT_EQ(upper.stat("d").uid, 7u);
  EXPECT_EQ(upper.stat("d").mtime, 5'000'000'000);
  EXPECT_EQ(upper.xattrs("d"), (Xattrs{{"user.a", "b"}}));
  EXPECT_EQ(upper.stat(".").mode, 0711u);
}

TEST_F(SnapshotTest, AHardLinkIntoALowerLayerIsCopiedUp) {
  Layer base = layer(TreeBuilder().file("/a", "bytes", 0640).owner(5, 5));
  Layer top = layer(TreeBuilder().hard_link("/b", "/a").hard_link("/d/c", "/a"));
  EXPECT_THAT(tree_of({base, top}),
              ElementsAre("/a 640 5:5 0 bytes", "/b 640 5:5 0 bytes", "/d 755 0:0 0", "/d/c 640 5:5 0 bytes"));
  EXPECT_EQ(snapshots.folder().stat(ensure({base, top})[1] + "/b").link_count, 2u);
}

TEST_F(SnapshotTest, AHardLinkToNothingIsRefused) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/x", "")), layer(TreeBuilder().hard_link("/b", "/none"))};
  EXPECT_THROW(ensure(stack), Error);
  EXPECT_FALSE(snapshots.has(stack));
}

TEST_F(SnapshotTest, WhiteoutsOfNothingLeaveNoFolder) {
  std::vector<Layer> stack{layer(TreeBuilder().symlink("/lib", "usr")),
                           layer(TreeBuilder().removed("/nowhere/x").removed("/lib/y"))};
  EXPECT_THAT(tree_of(stack), ElementsAre("/lib 777 0:0 0 -> usr"));
}

TEST_F(SnapshotTest, ADamagedLayerLeavesNothing) {
  Layer good = layer(TreeBuilder().file("/a", "x"));
  Layer wrong{good.blob, DiffId{Digest::of("other")}};
  {
    SnapshotStore other(store);
    EXPECT_THROW(other.ensure(std::vector{wrong}, stream_from(store.blobs()), {}, {}), Error);
  }
  EXPECT_THAT(snapshots.list(), IsEmpty());
  for (const auto& entry : snapshots.folder().list()) EXPECT_EQ(entry.name, "locks");
}

TEST_F(SnapshotTest, ManyThreadsAndStoresUnpackOneStackOnce) {
  std::vector<Layer> stack;
  for (int i = 0; i < 6; ++i)
    stack.push_back(layer(TreeBuilder().file("/f" + std::to_string(i), std::string(100'000, 'x'))));
  std::atomic<int> streams = 0;
  StreamBlob counting = [&](const Descriptor& blob, Sink& into) {
    ++streams;
    stream_from(store.blobs())(blob, into);
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      Store own = Store::open(folder.path() / "store");
      EXPECT_EQ(SnapshotStore(own).ensure(stack, counting, {}, {}).size(), 6u);
    });
  threads.clear();
  EXPECT_EQ(streams, 6);
}

}  // namespace
}  // namespace imgb
