#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/dir.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// --isolation
enum class Isolation {
  automatic,
  namespaces,  ///< A world of its own for each step (docs/sandbox.md).
  /// Where neither namespaces nor mounts are to be had, as in a container without privileges: chroot, and what else the
  /// kernel gives there.
  chroot,
};

/// What decides, as it was found. Plain data.
struct IsolationFacts {
  bool root = false;             ///< User 0 in the present user namespace.
  bool may_mount = false;        ///< CAP_SYS_ADMIN, and mount(2) and its like are not filtered.
  bool may_chroot = false;       ///< CAP_SYS_CHROOT
  bool user_namespaces = false;  ///< One can be made.
  std::string store_type;        ///< "" when an overlay can be mounted over the store, else why not.
};

struct IsolationChoice {
  bool chroot = false;
  bool user_namespaces = true;  ///< Otherwise steps run as with --security=compat.
  SnapshotForm form = SnapshotForm::layers;
  std::string why;  ///< What of it is weaker or slower than it could be, in one line; empty when nothing is.
};

/// Pure. Error(unsupported) with what to allow when there is no way, or not the one that is asked for.
IsolationChoice choose_isolation(Isolation wish, const IsolationFacts& facts);
IsolationFacts find_isolation_facts(const Dir& snapshots);
Isolation parse_isolation(std::string_view text);  ///< auto, namespace, chroot. Error(usage).

/// The choice for one command, made when it is first asked for. Threads: may be asked at once.
class HostIsolation {
 public:
  /// `snapshots`: the store's folder of that name.
  HostIsolation(Isolation wish, Dir snapshots) : wish_(wish), snapshots_(std::move(snapshots)) {}
  const IsolationChoice& choice();

 private:
  const Isolation wish_;
  const Dir snapshots_;
  std::mutex mutex_;
  std::optional<IsolationChoice> choice_;
};

}  // namespace imgb
