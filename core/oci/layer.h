#pragma once
#include <optional>
#include <span>
#include <vector>

#include "core/oci/descriptor.h"

namespace imgb {

struct ImageConfig;

/// A layer as the builder and the store speak of it: the blob, and the DiffId that it has, or is to have.
struct Layer {
  Descriptor blob;
  DiffId diff_id;
  friend bool operator==(const Layer&, const Layer&) = default;
};

/// Bottom first. Error(corrupt) when the config, which is a stranger's as the manifest is, has another number of
/// layers. `image` is the manifest's digest, for the message.
std::vector<Layer> layers_of(const Digest& image, std::span<const Descriptor> blobs, const ImageConfig& config);

/// Names what is derived of a layer: a digest over the blob's digest and the DiffId. The DiffId alone, by which the
/// specification would have it, says nothing here: that the blob holds it is the word of a child that read hostile
/// bytes. So what is derived of one blob is never shown for another (docs/security-tests.md).
struct LayerKey {
  Digest digest;
  friend auto operator<=>(const LayerKey&, const LayerKey&) = default;
};
LayerKey key_of(const Layer& layer);

/// Names what is derived of a stack of layers: as the specification's ChainID, but over LayerKeys.
struct StackKey {
  Digest digest;
  friend auto operator<=>(const StackKey&, const StackKey&) = default;
};
StackKey stack_key(const std::optional<StackKey>& below, const LayerKey& top);
std::optional<StackKey> stack_key(std::span<const Layer> layers);  ///< nullopt for no layers.

}  // namespace imgb
