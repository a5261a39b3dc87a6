#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/base/task.h"
#include "layerfs/snapshot_names.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// Which snapshot folders, or trees, are whole: the ready marks on disk. Those of layers are remembered once seen (a
/// snapshot that was found stays; a tree may be taken by who changes it). Threads: all functions may be called at once.
class SnapshotMarks {
 public:
  SnapshotMarks(Dir folder, Lease& lease, SnapshotForm form);  ///< Borrows the lease: what it has found stays.

  std::optional<std::string> find(const StackKey& stack) const;  ///< The folder's name.
  /// Moves `from`/`name` into place as the snapshot of `stack`, over remains of a broken one, and marks it.
  /// `from` is scratch. REQUIRES: the SnapshotLock of its lock_place is held.
  std::string publish(const StackKey& stack, const Dir& from, std::string_view name);
  /// Marks for good what is whole; `sync` puts the file system on disk. `root`: the store's folder. REQUIRES: nobody
  /// else does so now.
  void settle(const Dir& root, const std::function<void()>& sync);
  bool made_any() const { return made_any_; }
  std::vector<SnapshotStore::Snapshot> list() const;
  std::vector<std::string> find_idle() const;
  std::vector<std::string> find_unused(std::vector<std::string> idle, const std::set<StackKey>& kept) const;
  void take_out(const std::string& name, const Dir& to);
  const Dir& folder() const { return folder_; }

 private:
  /// A mark as it was found. A snapshot that goes and comes again has another one.
  struct Found {
    ReadyMark mark;
    std::uint64_t inode = 0;
    FileTime ctime = 0;
  };
  std::optional<Found> find_mark(std::string_view snapshot) const;
  std::string name_for(const StackKey& stack, std::size_t length) const;
  void remember(const StackKey& stack, const std::string& name) const;
  std::optional<ReadyMark> read_mark(std::string_view snapshot) const;
  void write_mark(const Dir& aside, std::string_view snapshot, const ReadyMark& mark) const;

  Dir folder_;
  Lease& lease_;
  const SnapshotForm form_;
  std::string boot_id_;
  std::atomic<bool> made_any_ = false;
  mutable Guarded<std::map<Digest, std::string>> known_;
};

}  // namespace imgb
