#include "builder/cache_document.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

Layer layer(const std::string& name) {
  return {{.media_type = std::string(media_type::kOciLayerGzip), .digest = Digest::of("blob " + name), .size_bytes = 7},
          DiffId{Digest::of("tar " + name)}};
}
CacheDocument example() {
  CacheDocument document;
  document.layers = {layer("b"), layer("a"), layer("b")};
  document.steps = {{.key = Digest::of("2"), .quick_key = Digest::of("q"), .layer = 0, .made_at = 5},
                    {.key = Digest::of("1"), .quick_key = {}, .layer = 1},
                    {.key = Digest::of("2"), .quick_key = {}, .layer = 2}};
  document.mounts = {{.id = "pip\xff", .name = std::string(64, 'a'), .layer = 1}};
  return document;
}
std::vector<Descriptor> blobs_of(const CacheDocument& document) {
  return cache_manifest(document, {.digest = Digest::of("config")}).layers;
}

TEST(CacheDocument, IsSortedAndSaysNothingTwice) {
  CacheDocument document = canonical(example());
  EXPECT_EQ(document.layers.size(), 2u);
  ASSERT_EQ(document.steps.size(), 2u);
  EXPECT_LT(document.steps[0].key, document.steps[1].key);
  for (const auto& step : document.steps)
    EXPECT_EQ(document.layers[step.layer], step.key == Digest::of("1") ? layer("a") : layer("b"));
  CacheDocument turned = example();
  std::swap(turned.steps[0], turned.steps[1]);
  EXPECT_EQ(render(canonical(turned)), render(document));
}

TEST(CacheDocument, IsReadAsItWasWritten) {
  CacheDocument document = canonical(example());
  CacheDocument back = parse_cache_document(render(document), blobs_of(document));
  EXPECT_EQ(back.layers, document.layers);
  EXPECT_EQ(back.steps, document.steps);
  EXPECT_EQ(back.mounts, document.mounts);
}

TEST(CacheDocument, StepsWhoseLayerTheManifestLacksAreLeftOut) {
  CacheDocument document = canonical(example());
  auto blobs = blobs_of(document);
  std::erase_if(blobs, [](const Descriptor& blob) { return blob.digest == layer("b").blob.digest; });
  CacheDocument back = parse_cache_document(render(document), blobs);
  ASSERT_EQ(back.steps.size(), 1u);
  EXPECT_EQ(back.layers.at(back.steps[0].layer), layer("a"));
  blobs[0].media_type = "application/octet-stream";
  EXPECT_TRUE(parse_cache_document(render(document), blobs).steps.empty()) << "nothing can unpack that";
}

TEST(CacheDocument, InAnImagesConfigIsBesideWhatOthersRead) {
  CacheDocument document = canonical(example());
  std::string config = with_inline_cache(R"({"architecture":"amd64","os":"linux","rootfs":{}})", document);
  EXPECT_TRUE(config.starts_with(R"({"architecture":"amd64","os":"linux","rootfs":{})"));
  auto back = find_inline_cache(config, blobs_of(document));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->steps, document.steps);
  EXPECT_FALSE(find_inline_cache("{}", {}));
}

TEST(CacheDocument, RefusesWhatItIsNot) {
  CacheDocument document = canonical(example());
  auto blobs = blobs_of(document);
  std::string key = Digest::of("k").str(), name(64, 'f');
  std::vector<std::string> bad = {
      "",
      "[]",
      "{}",
      "null",
      R"({"imgbCache":"1"})",
      R"({"imgbCache":0})",
      R"({"imgbCache":2})",
      R"({"imgbCache":1,"steps":{}})",
      R"({"imgbCache":1,"layers":[1]})",
      R"({"imgbCache":1,"layers":[{"digest":"sha256:0","diffID":"sha256:0"}]})",
      R"({"imgbCache":1,"steps":[{"key":")" + key + R"(","layer":0}]})",
      R"({"imgbCache":1,"steps":[{"key":")" + key + R"(","layer":-1}]})",
      R"({"imgbCache":1,"steps":[{"key":"../x","layer":0}]})",
      R"({"imgbCache":1,"imgbCache":1})",
      R"({"imgbCache":1,"mounts":[{"id":"x","name":"../../etc","layer":0}]})",
      R"({"imgbCache":1,"mounts":[{"id":"x","name":"F)" + name.substr(1) + R"(","layer":0}]})",
      std::string(kMaxManifestBytes + 1, ' ')};
  for (const std::string& text : bad) EXPECT_THROW(parse_cache_document(text, blobs), Error) << text.substr(0, 80);
  EXPECT_THROW(find_inline_cache(R"({"imgb.cache.v1":[]})", {}), Error);
}

}  // namespace
}  // namespace imgb
