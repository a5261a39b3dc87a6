#pragma once
#include <string>

#include "layerfs/snapshot_store.h"

namespace imgb {

/// One locked folder "s-..." with an upper and a work folder in it.
struct SnapshotStore::Scratch::State {
  explicit State(const Dir& snapshots);
  ~State();
  State(const State&) = delete;

  Dir folder;  ///< The snapshots folder.
  std::string name;
  Dir dir;  ///< Its descriptor holds the lock.
  std::string upper, work;
  bool needs_seal = false;
};

/// Removes what dead processes left. Those of the living are locked.
void sweep_scratch(const Dir& snapshots);

}  // namespace imgb
