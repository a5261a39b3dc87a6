#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/base/dir.h"
#include "core/store/file_lock.h"

namespace imgb {

/// What this process uses of the store, written down for a collector in another process, which leaves it alone.
///
///   leases/<random>   flocked by its process, one line for each thing: a digest, or "snapshot <folder>"; whoever holds
///                     no lock on it any more is dead, and the next collection removes it
///   collect.lock      exclusive: something is being removed; shared: somebody looks whether a thing is there
///
/// A thing that is about to appear is noted first (`note`), so that a collector, which lists what there is before it
/// reads the leases, knows of it. For a thing that may be there, note and look come under the shared lock (`hold`):
/// what was found then stays for as long as this object lives. Made at the first use; threads may use it at once.
/// Where nothing can be written, as on a read-only disk, collect.lock is held as shared instead until this object ends.
class Lease {
 public:
  explicit Lease(const Dir& root);
  Lease(const Lease&) = delete;
  ~Lease();

  void note(std::string_view thing);
  /// What `look` returns. Once held, things are looked at without more ado.
  template <class Look>
  auto hold(std::string_view thing, Look look) {
    if (is_noted(thing)) return look();
    FileLock looking = lock_for_looking();
    note(thing);
    return look();
  }

  /// What other processes hold. Removes leases of the dead. REQUIRES: the CollectionLock.
  std::set<std::string> held_by_others() const;

 private:
  struct State;
  bool is_noted(std::string_view thing) const;
  FileLock lock_for_looking() const;
  std::unique_ptr<State> state_;
};

/// Held while things are removed from the store: nobody finds anything meanwhile.
class CollectionLock {
 public:
  explicit CollectionLock(const Dir& root);  ///< Waits for other collectors.

 private:
  FileLock lock_;
};

}  // namespace imgb
