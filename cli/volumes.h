#pragma once
#include "cli/run_request.h"
#include "core/base/fd.h"
#include "core/store/store.h"
#include "layerfs/snapshot_tree.h"

namespace imgb {

/// A folder or file of the host for -v, by an O_PATH descriptor; made like Docker does when it is not there and may be.
Fd open_host_volume(const VolumeRequest& volume);

/// The folder of a named volume. A new one comes to be as a whole, with what the image has at its target: content,
/// owner and mode. Volumes that exist are left as they are, empty ones too.
Fd open_named_volume(Store& store, const VolumeRequest& volume, const SnapshotTree& image);

/// Makes `name` in `folder` with what the image has at the volume's target, unless it wants none of that.
Dir make_volume(const Dir& folder, const std::string& name, const VolumeRequest& volume, const SnapshotTree& image);

}  // namespace imgb
