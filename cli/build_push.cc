#include "cli/build_push.h"

#include "cli/transfer_flags.h"
#include "core/store/blob_places.h"
#include "core/store/copy_image.h"
#include "core/store/gc.h"
#include "registry/registry_places.h"

namespace imgb {
void BuildPush::send(const OutputSpec& output, const Descriptor& manifest, const std::stop_token& stop) {
  if (!knows_store_) learn_store();
  for (const Reference& tagged : output.names) {
    Reference name = output.push_by_digest ? Reference::parse(tagged.name()).with_digest(manifest.digest) : tagged;
    while_showing(env_, "pushing " + name.familiar(), [&](Activity& activity) {
      auto mount_from = [&](const Digest& blob) { return find_mount_source(name, blob); };
      StoreReader from(env_.store().blobs(), name.familiar(), manifest);
      RegistryWriter to(access_.client, name, mount_from);
      CopyResult sent = copy_image(from, to, {}, &activity, stop);
      activity.note(fmt::format("{}@{}: {}", name.name(), manifest.digest.str(), describe_transfer(sent, "sent")));
      return 0;
    });
    learn(name, manifest);
  }
}

std::string BuildPush::find_mount_source(const Reference& to, const Digest& blob) {
  auto known = where_.find(blob);
  if (known == where_.end()) return {};
  for (const Reference& at : known->second)
    if (at.domain() == to.domain() && at.path() != to.path()) return at.path();
  return {};
}

void BuildPush::learn(const Reference& where, const Descriptor& image) {
  try {
    for (const Digest& blob : reachable({&image, 1}, manifests_of(env_.store().blobs()))) where_[blob].push_back(where);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;  // that image is of no help
  }
}

void BuildPush::learn_store() {
  knows_store_ = true;
  if (result_.base)
    for (std::size_t i = 0; i < result_.base_layers; ++i)
      where_[result_.layers[i].blob.digest].push_back(*result_.base);
  for (const NamedImage& image : env_.store().images().list())
    if (auto name = Reference::find(image.name)) learn(*name, image.descriptor);
}

}  // namespace imgb
