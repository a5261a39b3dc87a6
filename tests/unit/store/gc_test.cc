#include "core/store/gc.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/store/disk_usage.h"
#include "core/store/file_lock.h"
#include "core/store/publish.h"
#include "tests/support/image_maker.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

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

TEST(Reachable, AManifestThatAnotherImageHasAsALayerStillNeedsItsOwn) {
  MemoryBlobStore store;
  Descriptor inner = make_image(store, {"one"});
  Manifest outer{.media_type = inner.media_type,
                 .config = {.media_type = "x", .digest = Digest::of("config"), .size_bytes = 6},
                 .layers = {{.media_type = "x", .digest = inner.digest, .size_bytes = inner.size_bytes}}};
  Descriptor roots[] = {write_blob(store, render(outer), outer.media_type), inner};
  auto needed = reachable(roots, manifests_of(store));
  EXPECT_TRUE(needed.contains(Digest::of("one")));
  EXPECT_EQ(needed.size(), 5u);
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

Garbage garbage_of(Store& store, const std::vector<Descriptor>& roots = {}) {
  CollectionLock alone(store.root());
  return find_garbage(store, alone, find_idle_blobs(store, alone), roots);
}

class GcTest : public testing::Test {
 protected:
  std::vector<Descriptor> images() {
    std::vector<Descriptor> all;
    for (const NamedImage& image : store_.images().list()) all.push_back(image.descriptor);
    return all;
  }
  /// As another process would find it: what this one has made is in use here.
  Garbage find(const std::vector<Descriptor>& roots) {
    Store other = Store::open(temp_.path() / "store");
    { Store gone = std::move(store_); }
    store_ = std::move(other);
    return garbage_of(store_, roots);
  }
  void remove(const Garbage& garbage) { remove_garbage(store_, CollectionLock(store_.root()), garbage); }

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
  Garbage garbage = find(images());
  EXPECT_EQ(garbage.blobs.size(), 3u);  // manifest, config and layer of `dropped`
  EXPECT_GT(garbage.size_bytes, 7u);
  EXPECT_TRUE(store_.blobs().peek_size(dropped.digest)) << "finding removes nothing";
  remove(garbage);
  EXPECT_FALSE(store_.blobs().peek_size(dropped.digest));
  EXPECT_TRUE(store_.blobs().peek_size(Digest::of("shared")));
  EXPECT_TRUE(store_.blobs().peek_size(Digest::of("nameless")));
  EXPECT_THAT(find(images()).blobs, IsEmpty());
}

TEST_F(GcTest, RootsThatAreNoImageAreKept) {
  Descriptor layer = write_blob(store_.blobs(), "layer of a cached step", std::string(media_type::kOciLayer));
  Descriptor image = make_image(store_.blobs(), {"of a container"});
  EXPECT_THAT(find({layer, image}).blobs, IsEmpty());
  EXPECT_EQ(find({}).blobs.size(), 4u);
}

TEST_F(GcTest, WhatAnotherProcessMadeOrFoundStaysUntilItEnds) {
  write_blob(store_.blobs(), "found", "x");
  write_blob(store_.blobs(), "nobody's", "x");
  Store pruner = Store::open(temp_.path() / "store");
  { Store gone = std::move(store_); }
  {
    Store user = Store::open(temp_.path() / "store");
    EXPECT_TRUE(user.blobs().find_size(Digest::of("found")));
    EXPECT_TRUE(user.blobs().peek_size(Digest::of("nobody's"))) << "a look is no use";
    write_blob(user.blobs(), "made", "x");
    Garbage garbage = garbage_of(pruner);
    ASSERT_EQ(garbage.blobs.size(), 1u);
    EXPECT_EQ(garbage.blobs[0].digest, Digest::of("nobody's"));
  }
  EXPECT_EQ(garbage_of(pruner).blobs.size(), 3u);
  EXPECT_THAT(pruner.folder("leases").list(), IsEmpty()) << "an ended process leaves no lease";
  store_ = std::move(pruner);
}

TEST_F(GcTest, WhatIsNamedAndLetGoWhileACollectorLooksStays) {
  Store pruner = Store::open(temp_.path() / "store");
  Descriptor image = make_image(store_.blobs(), {"layer"});
  CollectionLock alone(pruner.root());
  IdleBlobs idle = find_idle_blobs(pruner, alone);
  Reference name = Reference::parse("a:1");
  publish(store_, image, {&name, 1});
  { Store gone = std::move(store_); }
  store_ = std::move(pruner);
  EXPECT_THAT(find_garbage(store_, alone, idle, images()).blobs, IsEmpty());
  EXPECT_THAT(find_garbage(store_, alone, idle, {}).blobs, IsEmpty()) << "in use when it was looked for";
}

TEST_F(GcTest, ALeaseOfADeadProcessHoldsNothingAndGoes) {
  write_blob(store_.blobs(), "orphan", "x");
  { Store gone = std::move(store_); }
  store_ = Store::open(temp_.path() / "store");
  store_.folder("leases").replace_file("dead", Digest::of("orphan").str() + "\n", 0600);
  EXPECT_EQ(garbage_of(store_).blobs.size(), 1u);
  EXPECT_THAT(store_.folder("leases").list(), IsEmpty());
}

TEST_F(GcTest, NothingIsFoundWhileACollectorWorks) {
  write_blob(store_.blobs(), "blob", "x");
  Store user = Store::open(temp_.path() / "store");
  std::optional<CollectionLock> alone(store_.root());
  std::optional<std::uint64_t> found = 1;
  std::thread looks([&] { found = user.blobs().find_size(Digest::of("blob")); });
  remove_garbage(store_, *alone, {.blobs = {{Digest::of("blob"), 4}}, .leftovers = {}, .size_bytes = 4});
  alone.reset();
  looks.join();
  EXPECT_FALSE(found) << "whoever asks gets an answer that holds";
}

TEST_F(GcTest, UnfinishedFilesAreLeftoversOnceTheirWriterIsGone) {
  Descriptor want{.digest = Digest::of("hello world"), .size_bytes = 11};
  auto writer = store_.blobs().create_expected(want);
  writer->write(as_bytes("hello"));
  CollectionLock alone(store_.root());
  EXPECT_THAT(find_garbage(store_, alone, find_idle_blobs(store_, alone), {}).leftovers, IsEmpty());
  writer.reset();
  Garbage garbage = find_garbage(store_, alone, find_idle_blobs(store_, alone), {});
  EXPECT_EQ(garbage.leftovers.size(), 1u);
  EXPECT_GE(garbage.size_bytes, 5u);
  remove_garbage(store_, alone, garbage);
  EXPECT_THAT(store_.folder("ingest").list(), IsEmpty());
}

TEST_F(GcTest, WhatADamagedManifestNeedsIsNeverGarbage) {
  Descriptor image = make_image(store_.blobs(), {"layer"});
  std::string path = "blobs/sha256/" + image.digest.hex(), whole = store_.root().read_file(path, 10'000);
  std::string flipped = whole;
  flipped[0] ^= 1;
  store_.root().replace_file(path, flipped, 0444);
  for (int attempt = 0; attempt < 2; ++attempt) EXPECT_THROW(find({image}), Error) << "not even the second time";
  EXPECT_TRUE(store_.blobs().peek_size(image.digest)) << "looking takes nothing out of use";
  EXPECT_THROW(read_blob(store_.blobs(), image, 10'000), Error);
  EXPECT_FALSE(store_.blobs().peek_size(image.digest));
  EXPECT_THROW(find({image}), Error) << "a reader that found it has told nobody what it needs";
  store_.root().replace_file(path, whole, 0444);
  EXPECT_THAT(find({image}).blobs, IsEmpty());
}

TEST_F(GcTest, AManifestThatWasNeverHereNeedsNothing) {
  write_blob(store_.blobs(), "layer", "x");
  Descriptor absent{
      .media_type = std::string(media_type::kOciManifest), .digest = Digest::of("absent"), .size_bytes = 6};
  EXPECT_EQ(find({absent}).blobs.size(), 1u);
}

TEST_F(GcTest, ADownloadThatIsTakenUpAgainIsNoLeftover) {
  Descriptor want{.digest = Digest::of("hello world"), .size_bytes = 11};
  store_.blobs().create_expected(want)->write(as_bytes("hello"));
  { Store gone = std::move(store_); }
  Store user = Store::open(temp_.path() / "store");
  store_ = Store::open(temp_.path() / "store");
  CollectionLock alone(store_.root());
  Garbage garbage = find_garbage(store_, alone, find_idle_blobs(store_, alone), {});
  ASSERT_EQ(garbage.leftovers.size(), 1u);
  // Between finding and removing.
  user.lease().note(want.digest.str());
  EXPECT_THAT(find_garbage(store_, alone, find_idle_blobs(store_, alone), {}).leftovers, IsEmpty())
      << "somebody is about to";
  Fd file = user.folder("ingest").open_file(garbage.leftovers[0], O_RDONLY);
  ASSERT_TRUE(try_lock(file));
  remove_garbage(store_, alone, garbage);
  EXPECT_EQ(user.folder("ingest").list().size(), 1u);
  file.reset();
  remove_garbage(store_, alone, garbage);
  EXPECT_THAT(user.folder("ingest").list(), IsEmpty());
}

TEST_F(GcTest, UsageAddsUpToTheWholeFolder) {
  Descriptor image = make_image(store_.blobs(), {std::string(10'000, 'i')});
  Reference name = Reference::parse("a:1");
  publish(store_, image, {&name, 1});
  write_blob(store_.blobs(), std::string(50'000, 'c'), "x");
  store_.cache().put(CacheTable::step, "key", "value");
  store_.folder("cache-mounts").make_dirs("a/b/c", 0755);
  store_.folder("volumes").replace_file("v", std::string(5000, 'v'), 0644);
  Dir snapshots = store_.folder("snapshots");
  snapshots.make_dirs("1/deep/er", 0755);
  snapshots.replace_file("1/deep/er/f", std::string(7000, 's'), 0644);
  snapshots.make_hard_link("1/deep/er/f", "1/again");
  snapshots.make_symlink("/etc/passwd", "1/link");
  std::map<std::string, Usage> by_name;
  std::uint64_t sum = 0;
  for (Usage& usage : disk_usage(store_)) {
    sum += usage.size_bytes;
    by_name[usage.category] = usage;
  }
  EXPECT_EQ(by_name["images"].files, 3u);
  EXPECT_GE(by_name["images"].size_bytes, 10'000u);
  EXPECT_GE(by_name["build cache"].size_bytes, 50'000u);
  EXPECT_EQ(by_name["unpacked layers"].files, 2u) << "a file with two names, and a link";
  EXPECT_FALSE(by_name["images"].disposable);
  Output du =
      run_helper({"du", "-s", "--block-size=1", (temp_.path() / "store").string()}, "", std::chrono::seconds(10));
  EXPECT_EQ(std::to_string(sum), du.out.substr(0, du.out.find('\t')));
}

}  // namespace
}  // namespace imgb
