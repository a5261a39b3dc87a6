#pragma once
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/store.h"
#include "layerfs/ingest.h"
#include "layerfs/layer_writer.h"
#include "layerfs/toc.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// Unpacked layers, each in its own folder in the form of an overlayfs upper folder (whiteouts are character devices
/// 0:0, opaque folders carry user.overlay.opaque), owners canonical. A stack's folders are named by ChainId, because
/// folders that a layer names only as parents take mode and owner from below; short, so that many fit in one page of
/// mount options. Derived and disposable: a ready mark holds for the boot it was written in, until `settle` syncs once
/// for all. Threads and processes may all use it at once; two wanting one layer unpack it once.
class SnapshotStore {
 public:
  explicit SnapshotStore(Store& store);  ///< Borrowed.
  ~SnapshotStore();

  /// Names of the folders (below `folder()`), bottom first, for the stack; unpacks in parallel, each in a confined
  /// child, what is not there. Folders stay until prune; hold the store's shared lock while they are used.
  /// Errors: as scan_layer.
  std::vector<std::string> ensure(std::span<const Layer> stack, const StreamBlob& stream, const IngestLimits& limits,
                                  std::stop_token stop);
  bool has(std::span<const Layer> stack) const;  ///< All of it is unpacked.
  const Dir& folder() const;
  /// The tree that the stack shows, from tables of contents; made or extended from the one asked for last.
  TreeView view(std::span<const Layer> stack, std::stop_token stop);

  /// An empty upper and work folder for one step, locked by this process. Destroyed unadopted: removed, like all that
  /// dead processes left.
  class Scratch {
   public:
    ~Scratch();
    Scratch(Scratch&&) noexcept;
    const std::string& upper() const;  ///< Name below folder().
    const std::string& work() const;
    /// For a LayerWriter that unpacks what it writes (LayerWriter::also_unpack); adopt then seals it.
    Dir open_upper();

   private:
    friend class SnapshotStore;
    struct State;
    explicit Scratch(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  /// The upper folder gets the root's mode and owner from the stack's top snapshot, when there is one.
  Scratch make_scratch(std::span<const Layer> below);
  /// Name below folder() of the lowest layer for every step: it shows the folders and files that each step mounts
  /// something over, so that they need not be made in the upper folder and taken out again.
  std::string mount_points();

  /// Turns what a step left in the upper folder (hostile: V91) into a layer in one pass over the files. `below`
  /// resolves overlay details against the layers under it. `leave_out` are paths that must leave no trace (mount
  /// stubs): the entry, and parents that came to be for it alone; they are taken out of the upper folder too.
  struct CommitOptions {
    LayerOptions layer;
    std::vector<RootedPath> leave_out;
  };
  Layer commit(Scratch& scratch, std::span<const Layer> below, const CommitOptions& options, std::stop_token stop);
  /// Keeps the upper folder as the snapshot of below + layer. Afterwards ensure() finds it.
  void adopt(Scratch scratch, std::span<const Layer> below, const Layer& layer);

  /// Makes all snapshots of this boot survive a reboot: one syncfs, which may take as long as the disk needs. For when
  /// nobody waits (after pull, before prune); without it they are unpacked again after the next boot.
  void settle();
  /// What is unpacked: name and ChainId, sorted by name. For du and prune.
  struct Snapshot {
    std::string name;
    ChainId chain;
  };
  std::vector<Snapshot> list() const;
  /// REQUIRES: the store locked exclusively.
  void remove(const std::string& name);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
