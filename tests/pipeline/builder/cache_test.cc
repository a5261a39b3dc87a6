#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "builder/cache_export.h"
#include "builder/cache_mounts.h"
#include "core/store/publish.h"
#include "tests/support/memory_cache.h"
#include "tests/support/test_build.h"

namespace imgb {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A machine that shares nothing with others but the hub.
struct Machine {
  explicit Machine(MemoryCacheHub& hub) : cache(hub, build.store) {
    build.images.add("base", build.make_base(TreeBuilder().dir("/etc").file("/etc/passwd", "app:x:7:8::/:\n")));
  }
  BuildResult run(const std::string& dockerfile, bool fetch_result = true) {
    build.cache_from = &cache;
    BuildRequest request = build.request(dockerfile);
    request.fetch_result = fetch_result;
    return build.run(request);
  }
  BuildResult run_alone(const std::string& dockerfile) {
    build.cache_from = nullptr;
    return build.build(dockerfile);
  }
  void give(const BuildResult& result, CacheMode mode) {
    NoProgress silent;
    export_cache(cache_document(result.steps, mode), cache, build.store, build.store.blobs(), silent, {});
  }
  TestBuild build;
  MemoryCache cache;
};

const std::string kTwoStages =
    "FROM base AS builder\nWORKDIR /src\nCOPY a .\nRUN make\n"
    "FROM base\nCOPY --from=builder --chown=app /src/a /srv/\nRUN --mount=type=bind,from=builder,source=/src,target=/m "
    "install\n";

struct Caches : ::testing::Test {
  MemoryCacheHub hub;
  Machine first{hub}, second{hub};
  void SetUp() override {
    for (Machine* machine : {&first, &second}) machine->build.write("a", "content");
    second.build.now += kNanosecondsPerSecond * 86400;
    second.build.context().set_mtime("a", 1'500'000'000'000'000'000);
  }
};

TEST_F(Caches, ASecondMachineFindsEveryStepAndMovesNothingThatNobodyReads) {
  BuildResult made = first.run_alone(kTwoStages);
  first.give(made, CacheMode::max);
  BuildResult found = second.run(kTwoStages, false);
  EXPECT_EQ(found.steps_run, 0u);
  EXPECT_EQ(found.steps_cached, 5u);
  EXPECT_EQ(found.manifest, made.manifest);
  EXPECT_THAT(hub.moved_out, IsEmpty());
  second.build.images.fetched.with([](auto& needs) { EXPECT_THAT(needs, IsEmpty()) << "of the base"; });
}

TEST_F(Caches, AResultForTheStoreBringsItsOwnLayersAlone) {
  first.give(first.run_alone(kTwoStages), CacheMode::max);
  BuildResult found = second.run(kTwoStages);
  EXPECT_EQ(found.steps_run, 0u);
  EXPECT_THAT(hub.moved_out, SizeIs(2));
  EXPECT_EQ(second.build.read(found, "/srv/a"), "content");
  hub.is_away = true;
  EXPECT_EQ(second.run_alone(kTwoStages).manifest, found.manifest);
}

TEST_F(Caches, WhatWasFetchedIsKnownHereFromThenOn) {
  std::string dockerfile = "FROM base\nCOPY a /\nRUN x\n";
  first.give(first.run_alone(dockerfile), CacheMode::max);
  second.run(dockerfile);
  EXPECT_EQ(second.run_alone(dockerfile).steps_cached, 2u);
}

TEST_F(Caches, MinHasTheResultsStepsAlone) {
  first.give(first.run_alone(kTwoStages), CacheMode::min);
  EXPECT_THAT(hub.moved_in, SizeIs(2));
  BuildResult found = second.run(kTwoStages);
  EXPECT_EQ(found.steps_run, 3u) << "of the builder stage";
  EXPECT_EQ(found.steps_cached, 2u) << "whose files are the same, although they were made anew";
}

TEST_F(Caches, ChangedFilesRunWhatNeedsThemOnTopOfFetchedLayers) {
  first.give(first.run_alone("FROM base\nRUN one\nCOPY a /\nRUN two\n"), CacheMode::max);
  second.build.write("a", "changed");
  BuildResult found = second.run("FROM base\nRUN one\nCOPY a /\nRUN two\n");
  EXPECT_EQ(found.steps_cached, 1u);
  EXPECT_EQ(second.build.read(found, "/a"), "changed");
  EXPECT_THAT(hub.moved_out, SizeIs(1));
}

TEST_F(Caches, ExportingTheSameAgainMovesNothingAndIsTheSame) {
  first.give(first.run_alone(kTwoStages), CacheMode::max);
  auto before = hub.content;
  hub.moved_in.clear();
  first.give(first.run_alone(kTwoStages), CacheMode::max);
  EXPECT_EQ(hub.content->config, before->config);
  BuildResult found = second.run(kTwoStages, false);
  BlobsWithinReach reach(second.build.store.blobs());
  for (const BuiltStep& step : found.steps) reach.add(step.layer.blob, [](const Descriptor&) { FAIL() << "fetched"; });
  NoProgress silent;
  export_cache(cache_document(found.steps, CacheMode::max), second.cache, second.build.store, reach, silent, {});
  EXPECT_EQ(hub.content->config, before->config) << "by another machine";
  EXPECT_EQ(render(hub.content->manifest), render(before->manifest));
  EXPECT_THAT(hub.moved_in, IsEmpty());
}

TEST_F(Caches, NobodyThereIsAWarning) {
  hub.is_away = true;
  BuildResult result = second.run("FROM base\nRUN x\n");
  EXPECT_EQ(result.steps_run, 1u);
  EXPECT_THAT(second.build.progress->warnings(), Contains(HasSubstr("memory is not used: nobody answers")));
}

TEST_F(Caches, ALayerThatIsGoneMakesTheBuildDoTheStepItself) {
  first.give(first.run_alone(kTwoStages), CacheMode::max);
  hub.blobs.clear();
  BuildResult result = second.run(kTwoStages);
  EXPECT_EQ(result.steps_run, 5u);
  EXPECT_EQ(second.build.read(result, "/srv/a"), "content");
  EXPECT_THAT(second.build.progress->warnings(), Contains(HasSubstr("no blob sha256:")));
}

TEST_F(Caches, ALayerThatIsNotWhatTheCacheSaysIsNeitherUsedNorKept) {
  std::string dockerfile = "FROM base\nCOPY a /\nRUN x\n";
  first.give(first.run_alone(dockerfile), CacheMode::max);
  CacheDocument lie = parse_cache_document(hub.content->config, hub.content->manifest.layers);
  ASSERT_EQ(lie.layers.size(), 2u);
  std::swap(lie.layers[0].diff_id, lie.layers[1].diff_id);
  hub.content->config = render(lie);
  BuildResult result = second.run(dockerfile);
  EXPECT_EQ(result.steps_run, 2u);
  EXPECT_THAT(second.build.progress->warnings(), Contains(HasSubstr("memory is not used")));
  EXPECT_EQ(second.run_alone(dockerfile).manifest, result.manifest);
}

TEST_F(Caches, NoCacheAsksNobody) {
  first.give(first.run_alone("FROM base\nRUN x\n"), CacheMode::max);
  second.build.cache_from = &second.cache;
  BuildRequest request = second.build.request("FROM base\nRUN x\n");
  request.no_cache = true;
  EXPECT_EQ(second.build.run(request).steps_run, 1u);
}

TEST_F(Caches, AnImageTellsWhatItsOwnLayersWereMadeBy) {
  std::string dockerfile = "FROM base\nCOPY a /\nRUN x\n";
  BuildRequest request = first.build.request(dockerfile);
  request.inline_cache = true;
  BuildResult made = first.build.run(request);
  Manifest manifest = parse_image_manifest(read_blob(first.build.store.blobs(), made.manifest, 1 << 20), "");
  hub.content = {manifest, read_blob(first.build.store.blobs(), manifest.config, 1 << 20)};
  EXPECT_EQ(parse_image_config(hub.content->config).diff_ids, made.config.diff_ids) << "others read it as ever";
  second.build.cache_from = &second.cache;
  request = second.build.request(dockerfile);
  request.inline_cache = true;
  request.fetch_result = false;
  BuildResult found = second.build.run(request);
  EXPECT_EQ(found.steps_cached, 2u);
  EXPECT_EQ(found.manifest, made.manifest);
}

TEST_F(Caches, ACacheMountBeginsWithWhatWasExported) {
  std::string dockerfile = "FROM base\nRUN --mount=type=cache,id=pip,uid=3,target=/c one\n";
  first.build.runner.command = [&](const StepSpec&, const Dir&, Sink&) {
    auto caches = first.build.store.folder(cache_mounts::kFolder);
    for (const auto& entry : caches.list())
      if (entry.type == FileType::directory) caches.open_dir(entry.name).replace_file("kept", "wheel", 0640);
    return 0;
  };
  BuildResult made = first.run_alone(dockerfile);
  ASSERT_EQ(made.cache_mounts.size(), 1u);
  EXPECT_EQ(made.cache_mounts[0].id, "pip");
  std::string folder = made.cache_mounts[0].folder.value();
  CacheDocument document = cache_document(made.steps, CacheMode::max);
  auto layer = pack_cache_mount(first.build.store, folder, {}, {});
  ASSERT_TRUE(layer);
  EXPECT_EQ(pack_cache_mount(first.build.store, folder, {}, {}), layer) << "packed again";
  document.mounts.push_back({"pip", folder, document.layers.size()});
  document.layers.push_back(*layer);
  NoProgress silent;
  export_cache(canonical(document), first.cache, first.build.store, first.build.store.blobs(), silent, {});
  std::string content;
  second.build.runner.command = [&](const StepSpec&, const Dir&, Sink&) {
    content = second.build.store.folder(cache_mounts::kFolder).open_dir(folder).read_file("kept", 100);
    return 0;
  };
  second.run("FROM base\nRUN --mount=type=cache,id=pip,uid=3,target=/c two\n");
  EXPECT_EQ(content, "wheel");
}

TEST_F(Caches, AnImageWithoutAnInlineCacheIsAWarning) {
  hub.content = {cache_manifest({}, {.media_type = std::string(media_type::kOciConfig), .digest = Digest::of("{}")}),
                 "{}"};
  second.run("FROM base\nRUN x\n");
  EXPECT_THAT(second.build.progress->warnings(), Contains(HasSubstr("without an inline cache")));
}

}  // namespace
}  // namespace imgb
