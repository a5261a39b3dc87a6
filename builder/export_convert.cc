#include "builder/export.h"
#include "builder/image_assembly.h"
#include "builder/step_cache.h"
#include "core/base/task.h"
#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "layerfs/codec.h"
#include "layerfs/decoder.h"
#include "layerfs/layer_pipeline.h"

namespace imgb {
namespace {

/// CacheTable::step: key "convert <blob digest> <compression> <level>", value as of a step's record.
Descriptor recompress(Store& store, const Layer& layer, Compression to, std::optional<int> level,
                      const std::stop_token& stop) {
  std::string key = fmt::format("convert {} {} {}", layer.blob.digest.str(), name_of(to), level ? *level : -1);
  auto record = store.cache().find(CacheTable::step, key);
  auto known = record ? find_layer_record(*record) : std::nullopt;
  if (known && store.blobs().find_size(known->layer.blob.digest) == known->layer.blob.size_bytes) {
    return known->layer.blob;
  }
  throw_if_stopped(stop);
  auto from = store.blobs().open(layer.blob.digest);
  auto tar = decode_confined(*from);
  LayerPipeline pipeline(store.blobs(), to, level, stop);
  for (;;) {
    std::size_t got = tar->read(pipeline.space());
    if (got == 0) break;
    if (pipeline.advance(got)) pipeline.cut();
  }
  Descriptor blob = pipeline.finish().blob;
  store.cache().put(CacheTable::step, key, render_layer_record({{blob, layer.diff_id}, 0}));
  return blob;
}

bool must_convert(const Layer& layer, const ConvertOptions& options) {
  auto now = compression_of_layer(layer.blob.media_type);
  if (!options.compression || !now) return false;
  if (options.force) return *now != *options.compression || options.level;
  return *now == Compression::none && *options.compression != Compression::none;
}

}  // namespace

Descriptor convert_image(Store& store, const Descriptor& descriptor, const ConvertOptions& options,
                         std::stop_token stop) {
  std::vector<Layer> layers = layers_of(store, descriptor);
  Manifest manifest =
      parse_image_manifest(read_blob(store.blobs(), descriptor, kMaxManifestBytes), descriptor.media_type);
  bool changed = false;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!must_convert(layers[i], options)) continue;
    manifest.layers[i] = recompress(store, layers[i], *options.compression, options.level, stop);
    changed = true;
  }
  for (const auto& [key, value] : options.annotations) {
    auto [at, is_new] = manifest.annotations.try_emplace(key, value);
    changed = changed || is_new || at->second != value;
    at->second = value;
  }
  if (options.docker_types && manifest.media_type != media_type::kDockerManifest) {
    manifest.media_type = media_type::kDockerManifest;
    manifest.config.media_type = media_type::kDockerConfig;
    for (Descriptor& layer : manifest.layers) layer.media_type = docker_type_of(layer.media_type);
    changed = true;
  }
  if (!changed) return descriptor;
  return write_blob(store.blobs(), render(manifest), manifest.media_type);
}

}  // namespace imgb
