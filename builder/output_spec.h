#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/descriptor.h"
#include "core/oci/reference.h"

namespace imgb {

/// One `-o`: where a build's result goes and in which form (dockerfile.md 6).
struct OutputSpec {
  enum class Type { image, oci, docker, tar, local };
  Type type = Type::image;
  std::filesystem::path dest;              ///< "-" is stdout, where an archive goes without dest; empty for `image`.
  bool archive = true;                     ///< oci, docker: a tar; false (tar=false): a folder.
  std::vector<Reference> names;            ///< name=
  std::optional<Compression> compression;  ///< Unset: layers stay as they are.
  std::optional<int> level;
  bool force_compression = false;  ///< Base layers too.
  bool oci_media_types = true;
  bool platform_split = false;                     ///< local: into a folder of `dest` that is named after the platform.
  std::optional<bool> rewrite_timestamp;           ///< Unset and true are the same: SOURCE_DATE_EPOCH always clamps.
  std::map<std::string, std::string> annotations;  ///< Of the manifest.
  /// image: into the registries of its names. "type=registry" is an image that is pushed and not stored.
  bool push = false;
  bool push_by_digest = false;  ///< Without its tag: for images that are joined to an index later.
  bool store = true;            ///< image: named, or kept nameless, in the store.

  bool to_stdout() const { return dest == "-"; }
};

/// "PATH" (local), "-" (tar to stdout) or "type=oci,dest=x.tar,compression=zstd" (CSV). Error(usage) names the part.
OutputSpec parse_output(std::string_view text);

}  // namespace imgb
