#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "core/oci/platform.h"
#include "core/oci/reference.h"
#include "core/store/store.h"

namespace imgb {

/// An image of the store, read: its descriptor is a manifest's (of an index: the child for the platform).
struct LocalImage {
  Descriptor descriptor;
  Manifest manifest;
  ImageConfig config;
  std::string config_json;  ///< As it is in the store.
  std::vector<std::string> names;

  /// What people know an image by: the digest of its config, as Docker has it.
  const Digest& id() const { return manifest.config.digest; }
  std::uint64_t size_bytes() const;  ///< Of manifest, config and compressed layers.
};

/// As people write it; a name in index.json that is no reference (other tools may set any) stays as it is.
std::string familiar_name(const std::string& name);

/// Reads manifest and config. Error(not_found) when the platform or a blob is missing, corrupt as the parsers say,
/// unsupported for an artifact of another kind.
LocalImage read_local_image(const BlobStore& blobs, const Descriptor& image, const Platform& platform);

/// All images of the store, each once with all its names, sorted by name, nameless ones last. One that cannot be read
/// is left out and told to `on_broken`; what is no image (a signature, a chart) is left out.
std::vector<LocalImage> list_local_images(Store& store, const Platform& platform,
                                          const std::function<void(const std::string& what)>& on_broken);

/// All names of the image: those of its manifest, and of the indexes that lead to it for its platform.
std::vector<std::string> names_of(Store& store, const LocalImage& image);

/// What a name means as a whole: an index stays one. nullopt for an id, and when there is none of that name.
std::optional<Descriptor> find_named_image(Store& store, std::string_view typed);

/// Finds what a user typed: a name (":latest" is added), a full or shortened id, the digest of a manifest. A name wins
/// over an id. Error(input) when a shortened id fits several images.
std::optional<LocalImage> find_local_image(Store& store, std::string_view typed, const Platform& platform);
/// The same; Error(not_found) with a near name as hint.
LocalImage get_local_image(Store& store, std::string_view typed, const Platform& platform);

}  // namespace imgb
