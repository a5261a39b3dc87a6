#pragma once
#include <functional>
#include <memory>
#include <string>

#include "layerfs/background_remover.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// One locked folder "s-..." with an upper and a work folder in it.
struct SnapshotStore::Scratch::State {
  /// `remover`: takes it away in the end; null: the destructor does.
  explicit State(const Dir& snapshots, std::shared_ptr<BackgroundRemover> remover = nullptr);
  ~State();
  State(const State&) = delete;

  std::shared_ptr<BackgroundRemover> remover;
  Dir folder;  ///< The snapshots folder.
  std::string name;
  Dir dir;  ///< Its descriptor holds the lock.
  std::string upper, work;
  bool needs_seal = false;
};

/// Has what dead processes left removed. Those of the living are locked.
void sweep_scratch(const Dir& snapshots, BackgroundRemover& remover);
/// The same, at once. What cannot be removed stays: `on_left` hears of each, and why.
void sweep_scratch(const Dir& snapshots, const std::function<void(const std::string&)>& on_left);

}  // namespace imgb
