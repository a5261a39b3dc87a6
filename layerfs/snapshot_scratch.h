#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "layerfs/background_remover.h"
#include "layerfs/snapshot_store.h"
#include "layerfs/tree_changes.h"

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
  bool is_tree = false;            ///< The upper folder is all there is: a whole tree.
  std::optional<TreeIndex> index;  ///< Of the tree before the step.
};

/// Has what dead processes left removed. Those of the living are locked.
void sweep_scratch(const Dir& snapshots, BackgroundRemover& remover);
/// The same, at once. What cannot be removed stays: `on_left` hears of each, and why.
void sweep_scratch(const Dir& snapshots, const std::function<void(const std::string&)>& on_left);

/// Asks ext4 to place the folders made in this one apart from each other on the disk; other file systems do not care.
/// ext4 gives no inode out again for some time after it was freed and looks at each of them anew for every file that it
/// makes near by: after a large snapshot was removed, unpacking 28,000 files beside it took 5 to 20 s instead of 2.
void place_apart(const Dir& snapshots);

}  // namespace imgb
