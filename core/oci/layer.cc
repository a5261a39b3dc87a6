#include "core/oci/layer.h"

#include "core/base/error.h"
#include "core/oci/image_config.h"

namespace imgb {

std::vector<Layer> layers_of(const Digest& image, std::span<const Descriptor> blobs, const ImageConfig& config) {
  if (blobs.size() != config.diff_ids.size())
    throw_error(ErrorKind::corrupt, "image {} has {} layers, its config {}", image.short_hex(), blobs.size(),
                config.diff_ids.size());
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < blobs.size(); ++i) layers.push_back({blobs[i], config.diff_ids[i]});
  return layers;
}

LayerKey key_of(const Layer& layer) { return {Digest::of(layer.blob.digest.str() + " " + layer.diff_id.digest.str())}; }

StackKey stack_key(const std::optional<StackKey>& below, const LayerKey& top) {
  if (!below) return {top.digest};
  return {Digest::of(below->digest.str() + " " + top.digest.str())};
}

std::optional<StackKey> stack_key(std::span<const Layer> layers) {
  std::optional<StackKey> key;
  for (const Layer& layer : layers) key = stack_key(key, key_of(layer));
  return key;
}

}  // namespace imgb
