#include "core/store/gc.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/store/disk_usage.h"
#include "core/store/publish.h"
#include "tests/support/image_maker.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Descriptor make_index(BlobStore& store, std::vector<Descriptor> children) {
  Index index{.media_type = std::string(media_type::kOciIndex), .manifests = std::move(children)};
  return write_blob(store, render(index), index.media_type);
}

TEST(Reachable, AnImageNeedsManifestConfigAndLayers) {
  MemoryBlobStore store;
  Descriptor image = make_image(store, {"one", "two"});
  write_blob(store, "nobody's", "x");
  EXPECT_EQ(reachable({&image, 1}, manifests_of(store)).size(), 4u);
}

TEST(Reachable, AnIndexNeedsWhatItsChildrenNeed) {
  MemoryBlobStore store;
  Descriptor a = make_image(store, {"shared", "a"}), b = make_image(store, {"shared", "b"});
  Descriptor index = make_index(
      store, {a, b, Descriptor{.media_type = a.media_type, .digest = Digest::of("absent"), .size_bytes = 6}});
  std::set<Digest> needed = reachable({&index, 1}, manifests_of(store));
  EXPECT_EQ(needed.size(), 9u);  // index, two manifests, two configs, three layers, one child that is elsewhere
  EXPECT_TRUE(needed.contains(Digest::of("absent")));
}

TEST(Reachable, IndexesThatNestTooDeeplyAreRefused) {
  MemoryBlobStore store;
  Descriptor top = make_image(store, {"x"});
  for (int i = 0; i < 4; ++i) top = make_index(store, {top});
  EXPECT_NO_THROW(reachable({&top, 1}, manifests_of(store)));
  top = make_index(store, {top});
  EXPECT_THROW(reachable({&top, 1}, manifests_of(store)), Error);
}

TEST(Reachable, AnImageThatCannotBeReadIsNotGuessedAt) {
  MemoryBlobStore store;
  Descriptor image = write_blob(store, "{\"schemaVersion\":2,", std::string(media_type::kOciManifest));
  EXPECT_THROW(reachable({&image, 1}, manifests_of(store)), Error);
}

class GcTest : public testing::Test {
 protected:
  TempDir temp_;
  Store store_ = Store::open(temp_.path() / "store");
};

TEST_F(GcTest, WhatNoImageNeedsIsGarbageAndGoes) {
  Descriptor kept = make_image(store_.blobs(), {"shared", "kept"});
  Descriptor nameless = make_image(store_.blobs(), {"nameless"});
  Descriptor dropped = make_image(store_.blobs(), {"shared", "dropped"});
  Reference name = Reference::parse("a:1");
  publish(store_, kept, {&name, 1});
  publish(store_, nameless, {});
  ASSERT_TRUE(store_.lock_exclusively(false));
  Garbage garbage = find_garbage(store_, {});
  EXPECT_EQ(garbage.blobs.size(), 3u);  // manifest, config and layer of `dropped`
  EXPECT_GT(garbage.size_bytes, 7u);
  EXPECT_TRUE(store_.blobs().find_size(dropped.digest)) << "finding removes nothing";
  remove_garbage(store_, garbage);
  EXPECT_FALSE(store_.blobs().find_size(dropped.digest));
  EXPECT_TRUE(store_.blobs().find_size(Digest::of("shared")));
  EXPECT_TRUE(store_.blobs().find_size(Digest::of("nameless")));
  EXPECT_THAT(find_garbage(store_, {}).blobs, IsEmpty());
}

TEST_F(GcTest, ExtraRootsAreKept) {
  Descriptor layer = write_blob(store_.blobs(), "layer of a cached step", std::string(media_type::kOciLayer));
  Descriptor image = make_image(store_.blobs(), {"of a container"});
  std::vector<Descriptor> roots = {layer, image};
  EXPECT_THAT(find_garbage(store_, roots).blobs, IsEmpty());
  EXPECT_EQ(find_garbage(store_, {}).blobs.size(), 4u);
}

TEST_F(GcTest, UnfinishedFilesAreLeftoversOnceTheirWriterIsGone) {
  Descriptor want{.digest = Digest::of("hello world"), .size_bytes = 11};
  auto writer = store_.blobs().create_expected(want);
  writer->write(as_bytes("hello"));
  EXPECT_THAT(find_garbage(store_, {}).leftovers, IsEmpty());
  writer.reset();
  Garbage garbage = find_garbage(store_, {});
  EXPECT_EQ(garbage.leftovers.size(), 1u);
  EXPECT_EQ(garbage.size_bytes, 5u);
  remove_garbage(store_, garbage);
  EXPECT_THAT(store_.folder("ingest").list(), IsEmpty());
}

TEST_F(GcTest, UsageCountsEachByteInOnePlace) {
  Descriptor image = make_image(store_.blobs(), {std::string(1000, 'i')});
  Reference name = Reference::parse("a:1");
  publish(store_, image, {&name, 1});
  write_blob(store_.blobs(), std::string(500, 'c'), "x");
  Dir snapshots = store_.folder("snapshots");
  snapshots.make_dirs("1/deep/er", 0755);
  snapshots.replace_file("1/deep/er/f", std::string(70, 's'), 0644);
  snapshots.make_hard_link("1/deep/er/f", "1/again");
  snapshots.make_symlink("/etc/passwd", "1/link");
  std::map<std::string, Usage> by_name;
  for (Usage& usage : disk_usage(store_)) by_name[usage.category] = usage;
  EXPECT_EQ(by_name["images"].files, 3u);
  EXPECT_GT(by_name["images"].size_bytes, 1000u);
  EXPECT_EQ(by_name["build cache"].size_bytes, 500u);
  EXPECT_EQ(by_name["unpacked layers"].size_bytes, 70u);
  EXPECT_EQ(by_name["unpacked layers"].files, 1u);
  EXPECT_FALSE(by_name["images"].disposable);
}

}  // namespace
}  // namespace imgb
