#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dir.h"
#include "core/oci/descriptor.h"
#include "core/oci/reference.h"

namespace imgb {

struct NamedImage {
  /// Canonical reference ("docker.io/library/busybox:latest"), or whatever another tool wrote there; "" for an image
  /// without a name.
  std::string name;
  Descriptor descriptor;  ///< Manifest or index.
};

/// index.json of the store: which names mean which manifest. Read, changed and replaced under an exclusive flock; names
/// land last (after the blobs they mean). The name is the annotation org.opencontainers.image.ref.name. A layout
/// without an index.json, or with an empty one, has lost it: Error(corrupt), lest its images be taken for garbage.
class ImageIndex {
 public:
  explicit ImageIndex(const Dir& root);
  std::vector<NamedImage> list() const;  ///< Sorted by name.
  std::optional<Descriptor> find(const Reference& name) const;
  /// By a name as it stands there, which another tool gave.
  std::optional<Descriptor> find_foreign(std::string_view name) const;
  void set(const Reference& name, const Descriptor& image);  ///< Moves the name; the image it meant stays, nameless.
  /// Keeps an image without giving it a name (a build without -t).
  void keep(const Descriptor& image);
  /// As list() has it. False if there was none. An image's last name removes the image.
  bool remove_name(const std::string& name);
  bool remove_name(const Reference& name) { return remove_name(name.canonical()); }
  void remove_image(const Digest& image);  ///< With all its names.
  /// Makes an index that cannot be read anew: what is whole of its entries, then those of `images` that these do not
  /// name, nameless. The old one goes to quarantine/.
  void rebuild(std::span<const Descriptor> images);

 private:
  Dir root_;
};

}  // namespace imgb
