#pragma once
#include <filesystem>
#include <memory>

#include "core/base/dir.h"
#include "core/store/blob_store.h"
#include "core/store/cache_db.h"
#include "core/store/image_index.h"

namespace imgb {

/// A lock on an open file (flock): released when destroyed. Processes and threads alike.
class FileLock {
 public:
  enum class Mode { shared, exclusive };
  static FileLock take(const Dir& dir, std::string_view name, Mode mode);  ///< Waits. Makes the file.
  static std::optional<FileLock> try_take(const Dir& dir, std::string_view name, Mode mode);  ///< nullopt: held.

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// imgb's store (DESIGN.md section 3): an OCI image layout with derived folders beside it. `open` makes what is
/// missing, takes the store's lock as shared, and refuses a root that another user owns (V95).
///
///   oci-layout index.json blobs/sha256/  the truth
///   ingest/        files being written
///   tocs/          tables of contents of layers (layerfs/toc.h), by DiffId
///   snapshots/     unpacked layers (layerfs/snapshot_store.h)
///   cache.db       CacheDb
///   cache-mounts/  RUN --mount=type=cache
///   containers/    state of `imgb run`
///   lock           shared: in use; exclusive: prune
class Store {
 public:
  static Store open(const std::filesystem::path& root);
  Store(Store&&) noexcept;
  ~Store();

  const Dir& root() const;
  Dir folder(std::string_view name) const;  ///< "tocs", "snapshots", ...: made when missing.
  BlobStore& blobs();
  ImageIndex& images();
  CacheDb& cache();
  /// Trades the shared lock for the exclusive one; nullopt-like false when others use the store and `wait` is false.
  bool lock_exclusively(bool wait);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
