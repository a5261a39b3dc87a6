#pragma once
#include <string>
#include <vector>

#include "core/base/dir.h"
#include "core/base/fd.h"
#include "sandbox/plan.h"
#include "sandbox/step.h"

namespace imgb {

/// The detached mounts that the sources of a mount list stand for, opened on the host's side: from descriptors, never
/// by names of an image (V31, V79). With `user_namespace` >= 0, folders of the host come as idmapped mounts: owner 0 in
/// the world is owner 0 on disk. `warnings` takes what could not be had. Errors: system; denied when a device of the
/// host is not what its name says (V76).
std::vector<Fd> open_mount_sources(const std::vector<MountSource>& sources, const std::vector<MountOp>& mounts,
                                   const StepSpec& spec, int user_namespace, std::vector<std::string>& warnings);

/// Whether what is in this folder can be shown to a user namespace under its own owners. Not before Linux 5.19, nor on
/// every file system.
bool takes_idmapped_mounts(const Dir& folder, int user_namespace);

}  // namespace imgb
