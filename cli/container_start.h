#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/run_request.h"
#include "core/store/local_image.h"
#include "core/store/store.h"
#include "layerfs/snapshot_store.h"
#include "layerfs/snapshot_tree.h"
#include "sandbox/launch.h"

namespace imgb {

/// Layers of an image of the store, bottom first.
std::vector<Layer> layers_of(const LocalImage& image);

/// The container's host name: as asked for, or the beginning of its id.
std::string hostname_of(const RunRequest& request, const std::string& id);
/// Variables of every process in the container: what was asked for, HOSTNAME and HOME.
std::vector<std::string> environment_of(const RunRequest& request, const std::string& id, const UserIds& user);

/// Everything a container's process needs while it runs: unpacked layers, an upper folder that is dropped at the end,
/// volumes. Made by `imgb run` or by the supervisor of a detached container; must outlive what was started with it.
class PreparedContainer {
 public:
  /// `id` gives the host name where none was asked for. Errors: not_found (image, volume's source), input (user,
  /// mounts).
  PreparedContainer(Store& store, const RunRequest& request, const std::string& id, std::stop_token stop);
  const StepSpec& spec() const { return spec_; }
  const SnapshotStore& snapshots() const { return snapshots_; }
  const std::shared_ptr<HostIsolation>& isolation() const { return isolation_; }

 private:
  void add_volumes(Store& store, const RunRequest& request, const SnapshotTree& image);
  Fd open_volume(Store& store, const VolumeRequest& volume, const SnapshotTree& image);

  std::shared_ptr<HostIsolation> isolation_;
  SnapshotStore snapshots_;
  std::optional<SnapshotStore::Scratch> scratch_;
  std::vector<SnapshotStore::Scratch> anonymous_;  ///< Volumes that end with the container.
  std::vector<Fd> sources_;
  StepSpec spec_;
};

}  // namespace imgb
