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

namespace imgb {

/// Unpacked layers, each in its own folder in the form of an overlayfs upper folder (whiteouts are character devices
/// 0:0, opaque folders carry user.overlay.opaque), owners canonical. A stack's folders are named by ChainId, because
/// folders that a layer names only as parents take mode and owner from below; short, so that many fit in one page of
/// mount options. Derived and disposable. Commit order: one syncfs, rename, ready mark. Threads and processes may all
/// use it at once; two wanting one layer unpack it once.
class SnapshotStore {
 public:
  explicit SnapshotStore(Store& store);
  ~SnapshotStore();

  /// Names of the folders (below `folder()`), bottom first, for the stack; unpacks in parallel, each in a confined
  /// child, what is not there. Folders stay until prune; hold the store's shared lock while they are used.
  std::vector<std::string> ensure(std::span<const Layer> stack, const StreamBlob& stream, const IngestLimits& limits,
                                  std::stop_token stop);
  bool has(std::span<const Layer> stack) const;  ///< All of it is unpacked.
  const Dir& folder() const;

  /// An empty upper and work folder for one step. Destroyed unadopted: removed.
  class Scratch {
   public:
    ~Scratch();
    Scratch(Scratch&&) noexcept;
    const std::string& upper() const;  ///< Name below folder().
    const std::string& work() const;

   private:
    friend class SnapshotStore;
    struct State;
    explicit Scratch(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  Scratch make_scratch();

  /// Turns what a step left in the upper folder (hostile: V91) into a layer in one pass over the files. `below`
  /// resolves overlay details against the layers under it. `leave_out` are paths that must leave no trace (mount
  /// stubs): the entry, and parents that came to be for it alone.
  struct CommitOptions {
    LayerOptions layer;
    std::vector<RootedPath> leave_out;
  };
  Layer commit(Scratch& scratch, std::span<const Layer> below, const CommitOptions& options, std::stop_token stop);
  /// Keeps the upper folder as the snapshot of below + layer. Afterwards ensure() finds it.
  void adopt(Scratch scratch, std::span<const Layer> below, const Layer& layer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
