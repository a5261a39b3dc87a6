#include "tests/support/validate_image.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "layerfs/codec.h"

namespace imgb {

void validate_image(Store& store, const Descriptor& descriptor) {
  BlobStore& blobs = store.blobs();
  Manifest manifest = parse_image_manifest(read_blob(blobs, descriptor, kMaxManifestBytes), descriptor.media_type);
  ImageConfig config = parse_image_config(read_blob(blobs, manifest.config, kMaxManifestBytes));
  ASSERT_EQ(config.diff_ids.size(), manifest.layers.size());
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& layer = manifest.layers[i];
    EXPECT_EQ(blobs.find_size(layer.digest), layer.size_bytes) << "layer " << i;
    auto compressed = blobs.open(layer.digest);
    auto compression = compression_of_layer(layer.media_type);
    ASSERT_TRUE(compression) << layer.media_type;
    auto tar = make_decompressor(*compression, *compressed);
    HashingSink hash;
    copy(*tar, hash);
    EXPECT_EQ(hash.finish(), config.diff_ids[i].digest) << "DiffId of layer " << i;
  }
  auto not_empty =
      std::count_if(config.history.begin(), config.history.end(), [](const History& h) { return !h.empty_layer; });
  EXPECT_EQ(static_cast<std::size_t>(not_empty), manifest.layers.size()) << "history";
}

}  // namespace imgb
