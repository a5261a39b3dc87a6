#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/task.h"
#include "layerfs/background_remover.h"
#include "layerfs/snapshot_lock.h"
#include "layerfs/snapshot_marks.h"
#include "layerfs/snapshot_scratch.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// The inside of SnapshotStore: snapshot_store.cc has what is common and the layers, snapshot_trees.cc the trees.
struct SnapshotStore::State {
  State(Store& in, std::function<SnapshotForm()> choose);
  ~State();

  SnapshotForm form();
  const Dir& folder() const { return marks.folder(); }
  SnapshotMarks& marks_of(const Scratch::State& scratch) { return scratch.is_tree ? trees : marks; }

  // --- layers ---
  Dir open_snapshot(const StackKey& key) const;  ///< Which has to be there.
  std::vector<std::size_t> missing(const std::vector<StackKey>& keys) const;
  std::vector<SnapshotLock> lock_all(const std::vector<StackKey>& keys, const std::vector<std::size_t>& which,
                                     const std::stop_token& stop) const;

  /// What is to be unpacked, and how.
  struct Work {
    std::span<const Layer> stack;
    const StreamBlob& stream;
    const IngestLimits& limits;
    std::stop_token stop;
  };
  /// One layer, not sealed yet.
  struct Unpacked {
    std::unique_ptr<Scratch::State> scratch;
    std::shared_ptr<const Toc> toc;
    Dir upper() const;
  };
  Unpacked unpack(const Layer& layer, const Work& work, std::stop_token stop);
  /// Those layers of the stack, in parallel; by their number.
  std::vector<Unpacked> unpack_all(const Work& work, const std::vector<std::size_t>& which);
  void sweep_once();

  // --- trees ---
  /// The whole tree of the stack in a folder of one's own.
  std::unique_ptr<Scratch::State> own_tree(const Work& work);
  std::unique_ptr<Scratch::State> take_tree(const StackKey& key, const std::stop_token& stop);
  void add_layers(Scratch::State& tree, const Work& work, std::size_t present);
  void prepare_tree(const Work& work);
  std::string hold_tree(const Work& work);  ///< Its name. It stays until the store is closed.
  std::optional<Dir> find_tree(const StackKey& key, const std::stop_token& stop);  ///< While it is open it stays.

  /// The view asked for last; a build's steps extend it one by one.
  struct Cached {
    std::vector<Layer> layers;
    TreeView view;
  };
  TreeView view(std::span<const Layer> stack, const std::stop_token& stop);

  Store& store;
  SnapshotMarks marks, trees;
  Guarded<Cached> cached;
  Guarded<std::stop_token> newest_stop;  ///< Of who works with this: once stopped, nobody waits for what is removed.
  std::once_flag swept, mount_points_made;
  std::shared_ptr<BackgroundRemover> remover = std::make_shared<BackgroundRemover>();

 private:
  std::function<SnapshotForm()> choose_form_;
  std::once_flag form_chosen_, reflinks_tried_;
  SnapshotForm form_ = SnapshotForm::layers;
  bool reflinks_ = false;
  Guarded<std::map<Digest, Dir>> held_;
};

std::vector<StackKey> keys_of(std::span<const Layer> stack);  ///< Of the stack up to each of its layers.

}  // namespace imgb
