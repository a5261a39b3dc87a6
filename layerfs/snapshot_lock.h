#pragma once
#include <cstdint>
#include <stop_token>

#include "core/base/dir.h"
#include "core/oci/layer.h"

namespace imgb {

/// Held by who makes the snapshot of a StackKey, so that of several that want it one unpacks it. Between processes and
/// between threads; who wants another snapshot never waits. All of them are bytes of one empty file (fcntl(2), open
/// file description locks), so there is nothing to clean up.
class SnapshotLock {
 public:
  /// Waits; Error(cancelled) when stopped. REQUIRES: who takes several takes them in the order of their lock_place,
  /// each once.
  static SnapshotLock take(const Dir& snapshots, std::uint64_t place, std::stop_token stop);

 private:
  explicit SnapshotLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

}  // namespace imgb
