#include "builder/needs.h"

#include "core/base/error.h"

namespace imgb {

std::vector<CachedStep> list_cached_steps(Store& store) {
  std::vector<CachedStep> steps;
  store.cache().for_each(CacheTable::step, [&](const CacheDb::Row& row) {
    if (auto made = find_layer_record(row.value)) steps.push_back({row.key, made->layer, row.last_used, made->upon});
  });
  return steps;
}

void Needs::add_image(const BlobStore& blobs, const Descriptor& image) {
  roots.push_back(image);
  ReadManifest read = manifests_of(blobs);
  reachable({&image, 1}, [&](const Descriptor& blob) {
    auto text = read(blob);
    if (text && media_type::is_manifest(blob.media_type))
      add_stack(blobs, blob.digest, parse_image_manifest(*text, blob.media_type));
    return text;
  });
}

void Needs::add_stack(const BlobStore& blobs, const Digest& image, const Manifest& manifest) {
  try {
    std::optional<StackKey> top;
    ImageConfig config = parse_image_config(peek_blob(blobs, manifest.config, kMaxManifestBytes));
    for (const Layer& layer : layers_of(image, manifest.layers, config)) {
      LayerKey key = key_of(layer);
      top = stack_key(top, key);
      layers.insert(key);
      stacks.insert(*top);
    }
  } catch (const Error& e) {
    // What is derived of an image without a whole config is made again when it has one.
    if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::not_found) throw;
  }
}

void Needs::add_step(const CachedStep& step) {
  roots.push_back(step.layer.blob);
  LayerKey key = key_of(step.layer);
  layers.insert(key);
  (step.upon.any ? upon_any_ : upon_[step.upon.stack]).insert(key);
}

/// Moves from `unpacked` to the stacks what the steps make upon `below`, and upon that.
void Needs::take_stacks(std::vector<std::optional<StackKey>> below, const std::set<LayerKey>& upon_any,
                        std::set<StackKey>& unpacked) {
  while (!below.empty() && !unpacked.empty()) {
    std::optional<StackKey> parent = below.back();
    below.pop_back();
    auto take = [&](const std::set<LayerKey>& steps) {
      for (const LayerKey& layer : steps) {
        StackKey stack = stack_key(parent, layer);
        if (unpacked.erase(stack) == 0) continue;
        stacks.insert(stack);
        below.emplace_back(stack);
      }
    };
    if (auto known = upon_.find(parent); known != upon_.end()) take(known->second);
    take(upon_any);
  }
}

void Needs::add_stacks_of_steps(std::set<StackKey> unpacked) {
  auto all_kept = [&] {
    std::vector<std::optional<StackKey>> below = {std::nullopt};
    below.insert(below.end(), stacks.begin(), stacks.end());
    return below;
  };
  for (const StackKey& kept : stacks) unpacked.erase(kept);
  take_stacks(all_kept(), {}, unpacked);
  take_stacks(all_kept(), upon_any_, unpacked);  // most often nothing is left to be found
}

}  // namespace imgb
