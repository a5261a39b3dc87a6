#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/base/dir.h"
#include "core/oci/descriptor.h"
#include "core/oci/reference.h"

namespace imgb {

struct NamedImage {
  std::string name;  ///< Canonical reference ("docker.io/library/busybox:latest"), or "" for an image without a name.
  Descriptor descriptor;  ///< Manifest or index.
};

/// index.json of the store: which names mean which manifest. Read, changed and replaced under an exclusive flock; names
/// land last (after the blobs they mean). The name is the annotation org.opencontainers.image.ref.name.
class ImageIndex {
 public:
  explicit ImageIndex(const Dir& root);
  std::vector<NamedImage> list() const;  ///< Sorted by name.
  std::optional<Descriptor> find(const Reference& name) const;
  void set(const Reference& name, const Descriptor& image);  ///< Moves the name; the image it meant stays, nameless.
  /// Keeps an image without giving it a name (a build without -t).
  void keep(const Descriptor& image);
  bool remove_name(const Reference& name);  ///< False if there was none. An image's last name removes the image.
  void remove_image(const Digest& image);   ///< With all its names.

 private:
  Dir root_;
};

}  // namespace imgb
