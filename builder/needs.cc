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
      add_stack(blobs, parse_image_manifest(*text, blob.media_type).config);
    return text;
  });
}

void Needs::add_stack(const BlobStore& blobs, const Descriptor& config) {
  try {
    std::optional<ChainId> top;
    for (const DiffId& layer : parse_image_config(peek_blob(blobs, config, kMaxManifestBytes)).diff_ids) {
      top = chain(top, layer);
      layers.insert(layer);
      chains.insert(*top);
    }
  } catch (const Error& e) {
    // What is derived of an image without a whole config is made again when it has one.
    if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::not_found) throw;
  }
}

void Needs::add_step(const CachedStep& step) {
  roots.push_back(step.layer.blob);
  layers.insert(step.layer.diff_id);
  (step.upon.any ? upon_any_ : upon_[step.upon.chain]).insert(step.layer.diff_id);
}

/// Moves from `unpacked` to the chains what the steps make upon `below`, and upon that.
void Needs::take_stacks(std::vector<std::optional<ChainId>> below, const std::set<DiffId>& upon_any,
                        std::set<ChainId>& unpacked) {
  while (!below.empty() && !unpacked.empty()) {
    std::optional<ChainId> parent = below.back();
    below.pop_back();
    auto take = [&](const std::set<DiffId>& steps) {
      for (const DiffId& layer : steps) {
        ChainId stack = chain(parent, layer);
        if (unpacked.erase(stack) == 0) continue;
        chains.insert(stack);
        below.emplace_back(stack);
      }
    };
    if (auto known = upon_.find(parent); known != upon_.end()) take(known->second);
    take(upon_any);
  }
}

void Needs::add_stacks_of_steps(std::set<ChainId> unpacked) {
  auto all_kept = [&] {
    std::vector<std::optional<ChainId>> below = {std::nullopt};
    below.insert(below.end(), chains.begin(), chains.end());
    return below;
  };
  for (const ChainId& kept : chains) unpacked.erase(kept);
  take_stacks(all_kept(), {}, unpacked);
  take_stacks(all_kept(), upon_any_, unpacked);  // most often nothing is left to be found
}

}  // namespace imgb
