#pragma once
#include <filesystem>
#include <memory>

#include "core/base/dir.h"
#include "core/store/blob_store.h"
#include "core/store/cache_db.h"
#include "core/store/file_lock.h"
#include "core/store/image_index.h"
#include "core/store/lease.h"

namespace imgb {

/// imgb's store (DESIGN.md section 3): an OCI image layout with derived folders beside it. `open` makes what is
/// missing, takes the store's lock as shared, and refuses a root that another user owns (V95) or that a later version
/// made. What cannot be written, as on a read-only disk, can be read.
///
///   oci-layout index.json blobs/sha256/  the truth
///   ingest/        files being written
///   tocs/          tables of contents of layers (layerfs/toc.h), by LayerKey
///   snapshots/     unpacked layers (layerfs/snapshot_store.h)
///   cache.db       CacheDb
///   cache-mounts/  RUN --mount=type=cache
///   containers/    state of `imgb run`
///   leases/        what each process uses (lease.h); collect.lock: held to remove things
///   lock           shared: in use; exclusive: repair
///   boot           the boot id of the machine when the store was last opened
///   quarantine/    blobs that turned out to be damaged
///
/// Blobs are synced when they are named (publish.h), not before; a blob's mode says whether it was: 0444 if so, 0644
/// until then. Opened for the first time since a reboot, the store re-reads those that were not, and drops what the
/// last power cut tore (security.md 4.2).
class Store {
 public:
  static Store open(const std::filesystem::path& root);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  const Dir& root() const;
  Dir folder(std::string_view name) const;  ///< "tocs", "snapshots", ...: made when missing.
  BlobStore& blobs();
  ImageIndex& images();
  CacheDb& cache();
  Lease& lease();  ///< What this process has found or made here, and so nobody removes.
  /// Trades the shared lock for the exclusive one; false when others use the store and `wait` is false.
  bool lock_exclusively(bool wait);

 private:
  Store();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
