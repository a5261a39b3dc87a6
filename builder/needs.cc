#include "builder/needs.h"

#include "core/base/error.h"
#include "core/store/publish.h"

namespace imgb {

std::vector<CachedStep> list_cached_steps(Store& store) {
  std::vector<CachedStep> steps;
  store.cache().for_each(CacheTable::step, [&](const CacheDb::Row& row) {
    if (auto made = find_layer_record(row.value)) steps.push_back({row.key, made->layer, row.last_used});
  });
  return steps;
}

void Needs::add_image(const BlobStore& blobs, const Descriptor& image) {
  roots.push_back(image);
  try {
    add_stacks(blobs, image);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;  // what is derived of a damaged image is made again when it is whole
  }
}

void Needs::add_stacks(const BlobStore& blobs, const Descriptor& image) {
  for_each_blob(blobs, image, [&](const Descriptor& blob) {
    if (!media_type::is_manifest(blob.media_type)) return;
    Manifest manifest = parse_image_manifest(read_blob(blobs, blob, kMaxManifestBytes), blob.media_type);
    if (!blobs.peek_size(manifest.config.digest)) return;
    std::optional<ChainId> top;
    for (const DiffId& layer : parse_image_config(read_blob(blobs, manifest.config, kMaxManifestBytes)).diff_ids) {
      top = chain(top, layer);
      layers.insert(layer);
      chains.insert(*top);
    }
  });
}

void Needs::add_step(const CachedStep& step) {
  roots.push_back(step.layer.blob);
  layers.insert(step.layer.diff_id);
  of_steps_.insert(step.layer.diff_id);
}

void Needs::add_stacks_of_steps(const std::set<ChainId>& unpacked) {
  std::vector<std::optional<ChainId>> below = {std::nullopt};
  below.insert(below.end(), chains.begin(), chains.end());
  while (!below.empty()) {
    std::optional<ChainId> parent = below.back();
    below.pop_back();
    for (const DiffId& layer : of_steps_) {
      ChainId stack = chain(parent, layer);
      if (unpacked.contains(stack) && chains.insert(stack).second) below.emplace_back(stack);
    }
  }
}

}  // namespace imgb
