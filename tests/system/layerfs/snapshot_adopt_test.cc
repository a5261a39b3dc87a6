// A layer that is unpacked while it is written leaves what unpacking it would.
#include "tests/system/layerfs/snapshots.h"

namespace imgb {
namespace {

TEST_F(SnapshotTest, ACopyThatARunFollowsUnpacksWhileItWrites) {
  Layer base = layer(TreeBuilder().dir("/app", 0700).owner(4, 4).file("/lower", "l"));
  TreeBuilder copied;
  copied.file("/app/f", "bytes", 04711)
      .owner(9, 9)
      .hard_link("/app/g", "/app/f")
      .symlink("/app/s", "f")
      .dir("/app/sub", 0500)
      .file("/app/sub/x", "");
  copied.hard_link("/zlink", "/lower").opaque("/zo");
  auto scratch = snapshots.make_scratch(std::vector{base});
  Layer made = copied.write_layer(store, {}, scratch.open_upper());
  ensure({base});
  snapshots.adopt(std::move(scratch), std::vector{base}, made);
  EXPECT_TRUE(snapshots.has(std::vector{base, made}));
  auto adopted = tree_of({base, made});
  snapshots.take_out(CollectionLock(store.root()), names_of(snapshots.list()));
  EXPECT_EQ(tree_of({base, made}), adopted);
  EXPECT_THAT(adopted, testing::Contains("/app/f 4711 9:9 0 bytes"));
  EXPECT_THAT(adopted, testing::Contains("/app 700 4:4 0"));
}

TEST_F(SnapshotTest, WhiteoutsOpaqueFoldersAndAttributesAreUnpackedWhileTheyAreWritten) {
  Layer base = layer(TreeBuilder().dir("/d").file("/d/old", "").file("/gone", "g").dir("/o").file("/o/x", ""));
  TreeBuilder written;
  written.removed("/gone").removed("/d/old").opaque("/o").file("/o/y", "y").file("/d/f", "f", 04755);
  written.xattr("user.note", "v")
      .dir("/d", 01777)
      .xattr("user.of", "folder")
      .device("/null", FileType::character_device, 0x103);
  auto scratch = snapshots.make_scratch({});
  Layer made = written.write_layer(store, {}, scratch.open_upper());
  snapshots.adopt(std::move(scratch), std::vector{base}, made);
  auto upper = [&] {
    Dir dir = snapshots.folder().open_dir(ensure({base, made})[1]);
    std::vector<std::string> out = list(dir);
    for (std::string& line : out) {
      if (line.ends_with(" c 0")) line = line.substr(0, line.find(' ')) + " is a whiteout";  // made just now
    }
    for (const char* path : {"d", "d/f", "o"}) {
      for (const auto& [key, value] : dir.xattrs(path)) out.push_back(fmt::format("{}: {}={}", path, key, value));
    }
    return out;
  };
  auto adopted = upper();
  snapshots.take_out(CollectionLock(store.root()), names_of(snapshots.list()));
  EXPECT_EQ(upper(), adopted);
  for (const char* line : {"/gone is a whiteout", "/d/old is a whiteout", "o: user.overlay.opaque=y",
                           "d/f: user.note=v", "d: user.of=folder"})
    EXPECT_THAT(adopted, testing::Contains(testing::StartsWith(line)));
}

}  // namespace
}  // namespace imgb
