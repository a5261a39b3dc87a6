#pragma once
#include <stop_token>
#include <string>

#include "builder/build.h"
#include "builder/output_spec.h"
#include "cli/env.h"
#include "cli/mount_sources.h"
#include "registry/access.h"

namespace imgb {

/// Sends the manifest to the registries of the output's names; without their tags for push-by-digest. `mounts` learns
/// where it is then. Errors: as copy_image.
void push_output(CliEnv& env, RegistryAccess& access, const OutputSpec& output, const Descriptor& manifest,
                 const BlobStore& blobs, MountSources& mounts, const std::stop_token& stop);

/// One image, or what has the form of one, to one name. What another repository of the same registry has, as `mounts`
/// knows, is mounted from there and not sent. Returns what moved, for people.
std::string send_image(RegistryAccess& access, const Descriptor& manifest, const Reference& name,
                       const BlobStore& blobs, const MountSources& mounts, Activity& activity,
                       const std::stop_token& stop);

}  // namespace imgb
