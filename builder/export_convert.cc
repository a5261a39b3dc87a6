#include <algorithm>

#include "builder/export.h"
#include "builder/image_assembly.h"
#include "builder/step_cache.h"
#include "core/base/task.h"
#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "core/store/gc.h"
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
  if (options.force) return *now != *options.compression || options.same.value_or(options.level.has_value());
  return *now == Compression::none && *options.compression != Compression::none;
}

bool is_image(const Manifest& manifest) {
  const std::string& config = manifest.config.media_type;
  return config == media_type::kOciConfig || config == media_type::kDockerConfig;
}

/// Whether something was to be changed.
bool convert_types(Manifest& manifest, const ConvertOptions& options) {
  bool to_docker = options.docker_types && manifest.media_type != media_type::kDockerManifest;
  bool to_oci = options.oci_types && manifest.media_type != media_type::kOciManifest;
  if (!to_docker && !to_oci) return false;
  manifest.media_type = to_docker ? media_type::kDockerManifest : media_type::kOciManifest;
  manifest.config.media_type = to_docker ? media_type::kDockerConfig : media_type::kOciConfig;
  for (Descriptor& layer : manifest.layers)
    layer.media_type = to_docker ? docker_type_of(layer.media_type) : oci_type_of(layer.media_type);
  return true;
}

Descriptor convert_manifest(Store& store, const Descriptor& descriptor, Manifest manifest,
                            const ConvertOptions& options, const std::stop_token& stop) {
  bool changed = false;
  if (is_image(manifest)) {
    std::vector<Layer> layers = layers_of(store, descriptor);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (!must_convert(layers[i], options)) continue;
      manifest.layers[i] = recompress(store, layers[i], *options.compression, options.level, stop);
      changed = true;
    }
    changed = convert_types(manifest, options) || changed;
    if (manifest.media_type == media_type::kDockerManifest)
      for (Descriptor& layer : manifest.layers) layer.media_type = docker_type_of(layer.media_type);
  }
  for (const auto& [key, value] : options.annotations) {
    auto [at, is_new] = manifest.annotations.try_emplace(key, value);
    changed = changed || is_new || at->second != value;
    at->second = value;
  }
  if (!changed) return descriptor;
  return write_blob(store.blobs(), render(manifest), manifest.media_type);
}

/// Every blob of it is here.
bool is_whole(const BlobStore& blobs, const Descriptor& image) {
  auto needed = reachable({&image, 1}, manifests_of(blobs));
  return std::ranges::all_of(needed, [&](const Digest& digest) { return blobs.find_size(digest).has_value(); });
}

Descriptor convert_index(Store& store, const Descriptor& descriptor, Index index, const ConvertOptions& options,
                         const std::stop_token& stop) {
  std::map<std::string, std::string> renamed;
  for (Descriptor& entry : index.manifests) {
    if (!is_whole(store.blobs(), entry)) continue;
    Descriptor made = convert_image(store, entry, options, stop);
    if (made.digest != entry.digest) renamed[entry.digest.str()] = made.digest.str();
    entry.media_type = made.media_type;
    entry.digest = made.digest;
    entry.size_bytes = made.size_bytes;
  }
  // Attestations say by digest which image they are about.
  for (Descriptor& entry : index.manifests) {
    auto about = entry.annotations.find("vnd.docker.reference.digest");
    if (about != entry.annotations.end() && renamed.contains(about->second)) about->second = renamed[about->second];
  }
  if (options.docker_types) index.media_type = media_type::kDockerIndex;
  if (options.oci_types) index.media_type = media_type::kOciIndex;
  if (renamed.empty() && index.media_type == descriptor.media_type) return descriptor;
  return write_blob(store.blobs(), render(index), index.media_type);
}

}  // namespace

Descriptor convert_image(Store& store, const Descriptor& descriptor, const ConvertOptions& options,
                         std::stop_token stop) {
  auto parsed = parse_manifest(read_blob(store.blobs(), descriptor, kMaxManifestBytes), descriptor.media_type);
  if (auto* index = std::get_if<Index>(&parsed))
    return convert_index(store, descriptor, std::move(*index), options, stop);
  return convert_manifest(store, descriptor, std::get<Manifest>(std::move(parsed)), options, stop);
}

}  // namespace imgb
