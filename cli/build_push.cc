#include "cli/build_push.h"

#include "cli/transfer_flags.h"
#include "core/store/blob_places.h"
#include "core/store/copy_image.h"
#include "registry/registry_places.h"

namespace imgb {

std::string send_image(RegistryAccess& access, const Descriptor& manifest, const Reference& name,
                       const BlobStore& blobs, const MountSources& mounts, Activity& activity,
                       const std::stop_token& stop) {
  StoreReader from(blobs, name.familiar(), manifest);
  RegistryWriter to(access.client, name, [&](const Digest& blob) { return mounts.find(name, blob); });
  return describe_transfer(copy_image(from, to, {}, &activity, stop), "sent");
}

void push_output(CliEnv& env, RegistryAccess& access, const OutputSpec& output, const Descriptor& manifest,
                 const BlobStore& blobs, MountSources& mounts, const std::stop_token& stop) {
  for (const Reference& tagged : output.names) {
    Reference name = output.push_by_digest ? Reference::parse(tagged.name()).with_digest(manifest.digest) : tagged;
    while_showing(env, "pushing " + name.familiar(), [&](Activity& activity) {
      std::string moved = send_image(access, manifest, name, blobs, mounts, activity, stop);
      activity.note(fmt::format("{}@{}: {}", name.name(), manifest.digest.str(), moved));
      return 0;
    });
    mounts.add_image(env.store(), name, manifest);
  }
}

}  // namespace imgb
