#include "builder/image_assembly.h"

#include <algorithm>
#include <array>

namespace imgb {
namespace {

struct TypePair {
  std::string_view oci, docker;
};
constexpr std::array<TypePair, 3> kLayerTypes{TypePair{media_type::kOciLayer, media_type::kDockerLayer},
                                              TypePair{media_type::kOciLayerGzip, media_type::kDockerLayerGzip},
                                              TypePair{media_type::kOciLayerZstd, media_type::kDockerLayerZstd}};

}  // namespace

void fit_history(ImageConfig& config) {
  std::size_t layers = 0;
  for (History& entry : config.history) {
    if (entry.empty_layer) continue;
    if (layers == config.diff_ids.size()) {
      entry.empty_layer = true;
    } else {
      ++layers;
    }
  }
  for (; layers < config.diff_ids.size(); ++layers) config.history.emplace_back();
}

void finish_config(ImageConfig& config, const FileSystem& files, Nanoseconds now) {
  config.diff_ids.clear();
  for (const Layer& layer : files.layers) config.diff_ids.push_back(layer.diff_id);
  std::size_t base_layers = files.layers.size() - files.made_at.size(), layer = 0;
  for (History& entry : config.history) {
    if (entry.empty_layer) continue;
    if (!entry.created && layer >= base_layers && layer < files.layers.size()) {
      entry.created = files.made_at[layer - base_layers];
    }
    ++layer;
  }
  std::optional<Nanoseconds> last;
  bool gap = false;
  for (const History& entry : config.history) {
    if (entry.created) last = entry.created;
    if (entry.created && gap) break;
    gap = gap || !entry.created;
  }
  if (!last) last = now;
  bool filled = false;
  for (History& entry : config.history) {
    if (!entry.created) {
      entry.created = last;
      filled = true;
    } else if (filled) {
      last = entry.created;
    }
  }
  config.created = config.history.empty() ? now : config.history.back().created;
}

std::string oci_type_of(const std::string& layer_type) {
  for (const TypePair& pair : kLayerTypes) {
    if (layer_type == pair.docker) return std::string(pair.oci);
  }
  return layer_type;
}

std::string docker_type_of(const std::string& layer_type) {
  for (const TypePair& pair : kLayerTypes) {
    if (layer_type == pair.oci) return std::string(pair.docker);
  }
  return layer_type;
}

Manifest make_manifest(const Descriptor& config, const std::vector<Layer>& layers,
                       const std::map<std::string, std::string>& annotations) {
  Manifest manifest{.media_type = std::string(media_type::kOciManifest), .artifact_type = {}, .config = config};
  for (const Layer& layer : layers) {
    manifest.layers.push_back({.media_type = oci_type_of(layer.blob.media_type),
                               .digest = layer.blob.digest,
                               .size_bytes = layer.blob.size_bytes});
  }
  manifest.annotations = annotations;
  return manifest;
}

}  // namespace imgb
