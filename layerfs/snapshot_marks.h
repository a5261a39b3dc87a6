#pragma once
#include <map>
#include <optional>
#include <string>

#include "core/base/task.h"
#include "layerfs/snapshot_names.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// Which snapshot folders are whole: the ready marks on disk, remembered once seen (a snapshot does not go while the
/// store is locked as shared). Threads: all functions may be called at once.
class SnapshotMarks {
 public:
  explicit SnapshotMarks(Dir folder);

  std::optional<std::string> find(const ChainId& chain) const;  ///< The folder's name.
  /// Moves `from`/`name` into place as the snapshot of `chain`, over remains of a broken one, and marks it.
  /// REQUIRES: lock_name(chain) is held.
  std::string publish(const ChainId& chain, const Dir& from, std::string_view name);
  void settle();
  std::vector<SnapshotStore::Snapshot> list() const;
  void remove(const std::string& name);
  const Dir& folder() const { return folder_; }

 private:
  std::optional<ReadyMark> read_mark(std::string_view snapshot) const;
  void write_mark(std::string_view snapshot, const ReadyMark& mark) const;

  Dir folder_;
  std::string boot_id_;
  mutable Guarded<std::map<Digest, std::string>> known_;
};

}  // namespace imgb
