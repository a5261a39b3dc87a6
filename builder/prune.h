#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/store/gc.h"
#include "core/store/local_image.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// What may go. What running builds, pulls and containers use stays, whatever is asked.
struct PruneRequest {
  bool named_images = false;      ///< Images with names too; without it the nameless ones.
  bool cache_of_images = false;   ///< Steps whose layers an image needs too.
  bool ended_containers = false;  ///< They keep their images otherwise.
  bool dry_run = false;
  /// Only images that were made, and cache that was last used, before.
  Nanoseconds before = std::numeric_limits<Nanoseconds>::max();
  std::vector<std::string> labels;  ///< "key" or "key=value", all of which an image to go must have.
  /// So much of the build cache (layers that no image needs, cache mounts) stays, what was used last first.
  std::uint64_t keep_cache_bytes = 0;
};

/// What has gone, or would go.
struct Pruned {
  std::vector<std::string> containers, images;  ///< By name or id.
  std::size_t steps = 0, cache_mounts = 0, snapshots = 0, tocs = 0, blobs = 0, leftovers = 0;
  std::uint64_t size_bytes = 0;  ///< On disk.
};

/// Frees, in this order: containers that ended, images, records of the build cache, then what nothing needs any more:
/// blobs, unpacked layers, tables of contents, cache mounts, and what dead processes left. Each thing stops being named
/// before its bytes go, so that an end in between leaves a whole store. `on_broken` hears of images that cannot be
/// read and of remains that cannot be removed. Errors: corrupt when a manifest of an image that stays cannot be read,
/// since what it needs is then unknown.
Pruned prune(Store& store, SnapshotStore& snapshots, const PruneRequest& request,
             const std::function<void(const std::string&)>& on_broken);

/// After `image` has lost its entry in index.json: frees what it alone needed. The build cache stays.
Pruned release_image(Store& store, SnapshotStore& snapshots, const Descriptor& image);

}  // namespace imgb
