#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/oci/reference.h"
#include "core/store/store.h"

namespace imgb {

/// Which repositories have which blobs, as far as is known here: a registry takes them over from there.
class MountSources {
 public:
  void add(const Reference& where, const Digest& blob) { where_[blob].push_back(where); }
  /// All that an image of the store needs. One that cannot be read is of no help.
  void add_image(Store& store, const Reference& where, const Descriptor& image);
  /// All named images of the store, by their names.
  void add_store(Store& store);
  /// A repository of the same registry, another one than `to`; "" for none.
  std::string find(const Reference& to, const Digest& blob) const;

 private:
  std::map<Digest, std::vector<Reference>> where_;
};

}  // namespace imgb
