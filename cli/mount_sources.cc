#include "cli/mount_sources.h"

#include "core/base/error.h"
#include "core/store/gc.h"

namespace imgb {

void MountSources::add_image(Store& store, const Reference& where, const Descriptor& image) {
  try {
    for (const Digest& blob : reachable({&image, 1}, manifests_of(store.blobs()))) add(where, blob);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;
  }
}

void MountSources::add_store(Store& store) {
  for (const NamedImage& image : store.images().list())
    if (auto name = Reference::find(image.name)) add_image(store, *name, image.descriptor);
}

std::string MountSources::find(const Reference& to, const Digest& blob) const {
  auto known = where_.find(blob);
  if (known == where_.end()) return {};
  for (const Reference& at : known->second)
    if (at.domain() == to.domain() && at.path() != to.path()) return at.path();
  return {};
}

}  // namespace imgb
