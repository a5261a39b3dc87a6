#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/cache_export.h"
#include "core/oci/descriptor.h"
#include "core/oci/reference.h"

namespace imgb {

/// One `--cache-from` or `--cache-to`, with BuildKit's words (docs/cache.md).
struct CacheSpec {
  enum class Type { registry, local, in_image };
  Type type = Type::registry;
  std::optional<Reference> ref;  ///< registry
  std::filesystem::path folder;  ///< local: src or dest.
  std::string tag = "latest";    ///< local: which of the folder's caches.
  std::optional<Digest> digest;  ///< local: this one, whatever the tag.
};
struct CacheToSpec : CacheSpec {
  CacheMode mode = CacheMode::min;
  std::vector<std::string> mounts;         ///< Ids of cache mounts that go along.
  std::optional<Compression> compression;  ///< Of new layers, unless an output says so.
  std::optional<int> level;
  bool ignore_error = false;
};

/// "type=registry,ref=REF", "type=local,src=DIR" or REF alone. Error(usage) names the part.
CacheSpec parse_cache_from(std::string_view text);
/// "type=registry,ref=REF,mode=max", "type=local,dest=DIR", "type=inline". Error(usage) names the part.
CacheToSpec parse_cache_to(std::string_view text);

}  // namespace imgb
