#include "core/oci/descriptor.h"

#include <array>

namespace imgb {

namespace {

struct LayerType {
  std::string_view name;
  Compression compression;
};
// The nondistributable types are the same bytes with a legal note; their `urls` are never followed.
constexpr std::array<LayerType, 12> kLayerTypes = {{
    {media_type::kOciLayer, Compression::none},
    {media_type::kOciLayerGzip, Compression::gzip},
    {media_type::kOciLayerZstd, Compression::zstd},
    {media_type::kDockerLayer, Compression::none},
    {media_type::kDockerLayerGzip, Compression::gzip},
    {media_type::kDockerLayerZstd, Compression::zstd},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", Compression::none},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Compression::gzip},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Compression::zstd},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", Compression::none},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Compression::gzip},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.zstd", Compression::zstd},
}};

}  // namespace

namespace media_type {
bool is_manifest(std::string_view type) { return type == kOciManifest || type == kDockerManifest; }
bool is_index(std::string_view type) { return type == kOciIndex || type == kDockerIndex; }
bool is_layer(std::string_view type) { return compression_of_layer(type).has_value(); }
}  // namespace media_type

std::string_view name_of(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "uncompressed";
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
  }
  return "unknown";
}

std::optional<Compression> compression_of_layer(std::string_view layer_media_type) {
  for (const LayerType& type : kLayerTypes)
    if (type.name == layer_media_type) return type.compression;
  return std::nullopt;
}

std::string_view oci_layer_type(Compression compression) {
  switch (compression) {
    case Compression::none:
      return media_type::kOciLayer;
    case Compression::gzip:
      return media_type::kOciLayerGzip;
    case Compression::zstd:
      return media_type::kOciLayerZstd;
  }
  return media_type::kOciLayer;
}

}  // namespace imgb
