#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/oci/descriptor.h"

namespace imgb {

inline constexpr std::size_t kMaxManifestBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxLayoutIndexBytes = 64 * 1024 * 1024;

inline constexpr int kMaxIndexDepth = 4;  ///< Indexes in indexes; deeper ones are an attack (V59).

/// Spec: OCI image-spec v1.1, manifest.md; Docker image manifest v2 schema 2 reads into the same value.
struct Manifest {
  std::string media_type;
  std::string artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
};
/// Spec: OCI image-spec v1.1, image-index.md; Docker manifest lists as well.
struct Index {
  std::string media_type;
  std::string artifact_type;
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
};

/// Reads received bytes. Error(corrupt) on: more than kMaxManifestBytes, depth over 64, duplicate keys, both
/// `manifests` and `layers`, parts of schema 1, a media type that contradicts `declared_type` (may be empty), bad
/// digests or sizes. Error(unsupported) on schema 1 as such. Keep the bytes: re-serialising changes the digest. (V54,
/// V57, V58)
std::variant<Manifest, Index> parse_manifest(std::string_view json, std::string_view declared_type);
/// index.json of an image layout: it names all that a folder holds, so it may have more entries and bytes than an image
/// may (kMaxLayoutIndexBytes). For folders of our own; what strangers send is held to parse_manifest's limits.
Index parse_layout_index(std::string_view json);
Manifest parse_image_manifest(std::string_view json, std::string_view declared_type);  ///< An index is Error(corrupt).
std::string render(const Manifest& manifest);  ///< Compact JSON, keys as the Go tools order them.
std::string render(const Index& index);

/// The child of `index` for `want`: best match_rank, attestation and unknown/unknown children skipped.
/// Error(not_found) lists the platforms there are.
const Descriptor& choose_platform(const Index& index, const Platform& want);

}  // namespace imgb
