#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/oci/layer.h"
#include "core/oci/manifest.h"

namespace imgb {

/// What a build cache that is kept elsewhere knows (docs/cache.md): steps by their keys, and contents of cache mounts.
/// It is the config of an OCI image manifest, whose layers are those that it names; or part of an image's own config
/// (inline).
struct CacheDocument {
  struct Step {
    Digest key;
    std::optional<Digest> quick_key;  ///< See StepCache::find_quick.
    std::size_t layer = 0;            ///< Of `layers`.
    Nanoseconds made_at = 0;
    friend bool operator==(const Step&, const Step&) = default;
  };
  struct Mount {
    std::string id;    ///< As RUN --mount=type=cache has it.
    std::string name;  ///< Of its folder (cache_mounts.h).
    std::size_t layer = 0;
    friend bool operator==(const Mount&, const Mount&) = default;
  };
  std::vector<Layer> layers;
  std::vector<Step> steps;
  std::vector<Mount> mounts;
};

namespace media_type {
inline constexpr std::string_view kCacheConfig = "application/vnd.imgb.cache.v1+json";
inline constexpr std::string_view kCache = "application/vnd.imgb.cache.v1";  ///< artifactType of the manifest.
}  // namespace media_type

/// Sorted and without what is there twice: equal knowledge gives equal bytes.
CacheDocument canonical(const CacheDocument& document);
std::string render(const CacheDocument& document);  ///< Of a canonical one.
/// The manifest that keeps its layers alive.
Manifest cache_manifest(const CacheDocument& document, const Descriptor& config);

/// Reads what someone else wrote. Steps and mounts whose layer `blobs`, those of the manifest that it came with, lacks
/// or that no tool may unpack are left out. Error(corrupt) on another shape, with the limits of parse_manifest;
/// Error(unsupported) on a newer version.
CacheDocument parse_cache_document(std::string_view json, std::span<const Descriptor> blobs);

/// An image's config with the document in it, where BuildKit has its own: other tools ignore it.
std::string with_inline_cache(std::string_view image_config, const CacheDocument& document);
/// nullopt: there is none in it. Errors: as parse_cache_document.
std::optional<CacheDocument> find_inline_cache(std::string_view image_config, std::span<const Descriptor> blobs);

}  // namespace imgb
