#include "sandbox/step.h"

namespace imgb {

RootFs root_fs(const Dir& snapshots, const SnapshotStore::Scratch& scratch, std::vector<std::string> lower) {
  if (scratch.is_tree()) return {.snapshots = &snapshots, .work = scratch.work(), .tree = scratch.upper()};
  return {&snapshots, std::move(lower), scratch.upper(), scratch.work(), {}};
}

}  // namespace imgb
