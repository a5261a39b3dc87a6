#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/env.h"
#include "core/oci/platform.h"
#include "core/store/image_places.h"
#include "registry/access.h"

namespace imgb {

/// Where an image is, as skopeo spells it: "docker://NAME", "oci:FOLDER[:REF]", "oci-archive:FILE[:REF]",
/// "docker-archive:FILE[:NAME]"; a name alone, or "store:NAME", is imgb's store.
struct CopyPlace {
  enum class Kind : std::uint8_t { store, registry, oci_folder, oci_archive, docker_archive };
  Kind kind = Kind::store;
  std::string path;                               ///< Of folders and archives.
  std::string reference;                          ///< Name, ref.name or tag; may be empty for folders and archives.
  static CopyPlace parse(std::string_view text);  ///< Error(usage) says how places are written.
  static CopyPlace parse_remote(std::string_view text);  ///< The same, but a name alone is a registry's.
  friend bool operator==(const CopyPlace&, const CopyPlace&) = default;
};

/// Borrows what it is given. Error(not_found) where the store or the file has no such image. `platforms`: those that
/// are wanted, since the store may have an index without all its images; it is told when the store lacks some.
std::unique_ptr<ImageReader> open_reader(CliEnv& env, RegistryAccess& access, const CopyPlace& place,
                                         const std::vector<Platform>& platforms);
std::unique_ptr<ImageWriter> open_writer(CliEnv& env, RegistryAccess& access, const CopyPlace& place);

/// An image of the store by name or id: as a whole when it is here whole or `platforms` says what of it is wanted, else
/// the host's part alone, which is told.
Descriptor choose_stored_image(CliEnv& env, const std::string& typed, const std::vector<Platform>& platforms);

}  // namespace imgb
