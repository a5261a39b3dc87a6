#include "core/oci/layer.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/oci/image_config.h"

namespace imgb {
namespace {

Layer layer(const char* blob, const char* content) {
  return {{.media_type = "x", .digest = Digest::of(blob), .size_bytes = 1}, {Digest::of(content)}};
}

TEST(Layers, AreThoseOfTheManifestWithTheDiffIdsOfTheConfig) {
  ImageConfig config;
  config.diff_ids = {layer("a", "A").diff_id, layer("b", "B").diff_id};
  std::vector<Descriptor> blobs{layer("a", "A").blob, layer("b", "B").blob};
  EXPECT_EQ(layers_of(Digest::of("m"), blobs, config), (std::vector{layer("a", "A"), layer("b", "B")}));
  blobs.pop_back();
  try {
    layers_of(Digest::of("m"), blobs, config);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::corrupt);
    EXPECT_EQ(std::string(e.what()), "image " + Digest::of("m").short_hex() + " has 1 layers, its config 2");
  }
}

TEST(LayerKey, AnotherBlobIsAnotherLayerWhateverDiffIdItClaims) {
  EXPECT_EQ(key_of(layer("blob", "content")), key_of(layer("blob", "content")));
  EXPECT_NE(key_of(layer("blob", "content")), key_of(layer("forged", "content")));
  EXPECT_NE(key_of(layer("blob", "content")), key_of(layer("blob", "other content")));
}

TEST(StackKey, CountsEveryLayerAndItsPlace) {
  Layer a = layer("a", "A"), b = layer("b", "B"), forged = layer("forged", "A");
  auto key = [](std::vector<Layer> stack) { return stack_key(stack); };
  EXPECT_FALSE(key({}));
  EXPECT_EQ(key({a})->digest, key_of(a).digest);
  EXPECT_EQ(key({a, b}), stack_key(key({a}), key_of(b)));
  EXPECT_NE(key({a, b}), key({b, a}));
  EXPECT_NE(key({a, b}), key({forged, b}));
}

}  // namespace
}  // namespace imgb
