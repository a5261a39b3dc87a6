#include "builder/prune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/cache_mounts.h"
#include "builder/needs.h"
#include "core/base/error.h"
#include "core/store/file_lock.h"
#include "core/store/publish.h"
#include "layerfs/segment_table.h"
#include "layerfs/toc_store.h"
#include "tests/support/image_maker.h"
#include "tests/support/processor_time.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

CachedStep step(const char* text) {
  Digest digest = Digest::of(text);
  return {text, {{.media_type = "x", .digest = digest, .size_bytes = 1}, {digest}}, 0};
}
LayerKey layer(const char* text) { return key_of(step(text).layer); }

TEST(Needs, StacksOfStepsAreFoundUponEachOther) {
  StackKey base = stack_key(std::nullopt, layer("base")), one = stack_key(base, layer("one")),
           two = stack_key(one, layer("two"));
  StackKey gone = stack_key(base, layer("gone")), upon_gone = stack_key(gone, layer("two"));
  Needs needs;
  needs.stacks = {base};
  needs.add_step(step("two"));
  needs.add_step(step("one"));
  needs.add_stacks_of_steps({base, one, two, gone, upon_gone});
  EXPECT_THAT(needs.stacks, UnorderedElementsAre(base, one, two));
}

TEST(Needs, AStepMadeUponOneStackIsLookedForThereAlone) {
  StackKey base = stack_key(std::nullopt, layer("base")), other = stack_key(std::nullopt, layer("other"));
  StackKey one = stack_key(base, layer("one")), two = stack_key(one, layer("two")),
           wrong = stack_key(other, layer("one"));
  CachedStep first = step("one"), second = step("two"), linked = step("linked");
  first.upon = {false, base};
  second.upon = {false, one};
  StackKey upon_two = stack_key(two, layer("linked")), upon_other = stack_key(other, layer("linked"));
  Needs needs;
  needs.stacks = {base, other};
  for (const CachedStep& made : {linked, second, first}) needs.add_step(made);
  needs.add_stacks_of_steps({base, other, one, two, wrong, upon_two, upon_other});
  EXPECT_THAT(needs.stacks, UnorderedElementsAre(base, other, one, two, upon_two, upon_other));
}

TEST(Needs, ManyStepsAndStacksTakeNoTime) {
  Needs needs;
  std::set<StackKey> unpacked;
  std::optional<StackKey> top;
  for (int i = 0; i < 5000; ++i) {
    CachedStep made = step(fmt::format("{}", i).c_str());
    made.upon = {false, top};
    top = stack_key(top, key_of(made.layer));
    unpacked.insert(*top);
    needs.add_step(made);
  }
  double begin = processor_seconds();
  needs.add_stacks_of_steps(unpacked);
  EXPECT_EQ(needs.stacks, unpacked);
  EXPECT_LT(processor_seconds() - begin, 5) << "25 million digests take longer";
}

TEST(Needs, AStepUponNothingIsAStackToo) {
  Needs needs;
  needs.add_step(step("alone"));
  needs.add_stacks_of_steps({stack_key(std::nullopt, layer("alone"))});
  EXPECT_EQ(needs.stacks.size(), 1u);
}

TEST(CacheMounts, OnlyIdleOnesAreListedAndRemoved) {
  TempDir temp;
  Dir folder = temp.dir();
  for (const char* name : {"used", "private.1", "idle", "idle.new-0123"}) folder.make_dir(name, 0755);
  folder.replace_file("idle/f", std::string(9000, 'x'), 0644);
  FileLock shared = FileLock::take(folder, cache_mounts::lock_name("used"), FileLock::Mode::shared);
  FileLock own = FileLock::take(folder, cache_mounts::private_lock_name("private.1"), FileLock::Mode::exclusive);
  { FileLock was = FileLock::take(folder, cache_mounts::lock_name("idle"), FileLock::Mode::shared); }
  folder.set_mtime(cache_mounts::lock_name("idle"), 42);
  std::vector<CacheMount> idle = list_idle_cache_mounts(folder);
  ASSERT_EQ(idle.size(), 2u);
  EXPECT_EQ(idle[0].name, "idle");
  EXPECT_EQ(idle[0].last_used, 42);
  EXPECT_GE(idle[0].size_bytes, 9000u);
  EXPECT_EQ(idle[1].name, "idle.new-0123");
  EXPECT_FALSE(remove_cache_mount(folder, "used"));
  EXPECT_TRUE(remove_cache_mount(folder, "idle"));
  EXPECT_TRUE(folder.find_stat("used"));
  EXPECT_FALSE(folder.find_stat("idle"));
}

class PruneTest : public testing::Test {
 protected:
  /// A step's result, remembered as last used now.
  Layer cached(const char* key, const TreeBuilder& tree) {
    Layer layer = tree.write_layer(store_);
    StepCache(store_).put(Digest::of(key), {layer, 0});
    return layer;
  }
  Descriptor image_of(const std::vector<Layer>& layers) {
    ImageConfig config{.platform = Platform::host()};
    Manifest manifest{.media_type = std::string(media_type::kOciManifest), .config = {.digest = Digest::of("")}};
    for (const Layer& layer : layers) {
      config.diff_ids.push_back(layer.diff_id);
      manifest.layers.push_back(layer.blob);
    }
    manifest.config = write_blob(store_.blobs(), render(config), std::string(media_type::kOciConfig));
    return write_blob(store_.blobs(), render(manifest), manifest.media_type);
  }
  /// As the next process sees it: what was made here is in nobody's use.
  Pruned prune(const PruneRequest& request) {
    store_ = reopened();
    SnapshotStore snapshots(store_);
    return imgb::prune(store_, snapshots, request, [](const std::string&) {});
  }
  Store reopened() {
    Store other = Store::open(temp_.path() / "store");
    { Store gone = std::move(store_); }
    return other;
  }
  bool has(const Layer& layer) { return store_.blobs().peek_size(layer.blob.digest).has_value(); }

  TempDir temp_;
  Store store_ = Store::open(temp_.path() / "store");
};

TEST_F(PruneTest, CacheThatAnImageNeedsStaysUnlessAllIsAskedFor) {
  Layer of_image = cached("a", TreeBuilder().file("/a", "a")), of_none = cached("b", TreeBuilder().file("/b", "b"));
  Reference name = Reference::parse("x:1");
  publish(store_, image_of({of_image}), {&name, 1});
  Pruned gone = prune({});
  EXPECT_EQ(gone.steps, 1u);
  EXPECT_EQ(gone.blobs, 1u);
  EXPECT_EQ(gone.tocs, 1u);
  EXPECT_GT(gone.size_bytes, 0u);
  EXPECT_TRUE(has(of_image));
  EXPECT_FALSE(has(of_none));
  EXPECT_EQ(prune({.cache_of_images = true}).steps, 1u);
  EXPECT_TRUE(has(of_image)) << "the image stays whole";
  EXPECT_EQ(prune({.named_images = true}).blobs, 3u);
  EXPECT_THAT(store_.blobs().list(), IsEmpty());
  EXPECT_THAT(list_tocs(store_), IsEmpty());
}

TEST_F(PruneTest, ADryRunCountsTheSameAndDoesNothing) {
  cached("b", TreeBuilder().file("/b", "b"));
  publish(store_, image_of({}), {});
  Pruned would = prune({.dry_run = true}), does = prune({});
  EXPECT_EQ(would.blobs, does.blobs);
  EXPECT_EQ(would.steps, does.steps);
  EXPECT_EQ(would.images, does.images);
  EXPECT_EQ(would.size_bytes, does.size_bytes);
  EXPECT_EQ(does.blobs, 3u);
}

TEST_F(PruneTest, WhatWasUsedLatelyStaysAsFarAsItFits) {
  Layer layer = cached("b", TreeBuilder().file("/b", "b"));
  EXPECT_EQ(prune({.before = now() - 3600 * kNanosecondsPerSecond}).steps, 0u);
  EXPECT_EQ(prune({.keep_cache_bytes = layer.blob.size_bytes}).steps, 0u);
  EXPECT_EQ(prune({.keep_cache_bytes = layer.blob.size_bytes - 1}).steps, 1u);
}

TEST_F(PruneTest, AnImageThatAnotherProcessUsesIsNotPruned) {
  Descriptor image = image_of({});
  publish(store_, image, {});
  Store user = reopened();
  EXPECT_TRUE(user.blobs().find_size(image.digest));
  store_ = Store::open(temp_.path() / "store");
  SnapshotStore snapshots(store_);
  EXPECT_THAT(imgb::prune(store_, snapshots, {}, [](const std::string&) {}).images, IsEmpty());
  { Store gone = std::move(user); }
  EXPECT_THAT(prune({}).images, ElementsAre(image.digest.str()));
}

TEST_F(PruneTest, AnImageWhoseManifestIsDamagedKeepsEverything) {
  Layer layer = TreeBuilder().file("/a", "a").write_layer(store_);
  Descriptor image = image_of({layer});
  Reference name = Reference::parse("x:1");
  publish(store_, image, {&name, 1});
  store_.root().replace_file("blobs/sha256/" + image.digest.hex(), "bit rot", 0444);
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      prune({.cache_of_images = true});
      ADD_FAILURE() << "what it needs is unknown";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::corrupt);
      EXPECT_THAT(e.what(), testing::HasSubstr("library/x:1"));
      EXPECT_THAT(e.hint(), testing::HasSubstr("fsck --repair"));
    }
    EXPECT_TRUE(has(layer));
  }
  EXPECT_EQ(prune({.named_images = true}).images.size(), 1u) << "one that goes need not be read";
  EXPECT_FALSE(has(layer));
}

TEST_F(PruneTest, WhatIsKnownOfThingsThatAreGoneIsForgotten) {
  Layer gone = TreeBuilder().file("/b", "b").write_layer(store_),
        kept = TreeBuilder().file("/a", "a").write_layer(store_);
  publish(store_, image_of({kept}), {});
  SegmentTable table({{Digest::of("segment"), {}}});
  for (const Layer& layer : {gone, kept}) keep_segments(store_, layer.blob.digest, table);
  Digest key = Digest::of("key"), older = Digest::of("older");
  store_.cache().put(CacheTable::explain, "of " + older.str(), "nobody asks for it any more");
  store_.cache().put(CacheTable::explain, "of " + key.str(), "ingredients");
  StepCache(store_).remember_place("Dockerfile:1", key);
  Reference name = Reference::parse("x:1");
  publish(store_, image_of({kept}), {&name, 1});
  prune({.cache_of_images = true});
  EXPECT_TRUE(find_segments(store_, kept.blob.digest));
  EXPECT_FALSE(find_segments(store_, gone.blob.digest));
  EXPECT_THAT(store_.cache().keys(CacheTable::explain), ElementsAre("at Dockerfile:1", "of " + key.str()));
  StepCache(store_).forget_explanations(now() + 1);
  EXPECT_THAT(store_.cache().keys(CacheTable::explain), IsEmpty());
}

TEST_F(PruneTest, AnImageThatIsGoneTakesWhatItAloneNeeded) {
  Layer shared = TreeBuilder().file("/s", "s").write_layer(store_),
        own = TreeBuilder().file("/o", "o").write_layer(store_);
  Layer cache = cached("c", TreeBuilder().file("/c", "c"));
  Descriptor going = image_of({shared, own, cache});
  publish(store_, image_of({shared}), {});
  store_ = reopened();
  SnapshotStore snapshots(store_);
  Pruned gone = release_image(store_, snapshots, going);
  EXPECT_EQ(gone.blobs, 3u);
  EXPECT_EQ(gone.tocs, 1u);
  EXPECT_TRUE(has(shared));
  EXPECT_TRUE(has(cache)) << "a build finds it again";
  EXPECT_FALSE(has(own));
}

}  // namespace
}  // namespace imgb
