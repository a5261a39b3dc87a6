#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/lease.h"
#include "core/store/store.h"
#include "layerfs/ingest.h"
#include "layerfs/layer_writer.h"
#include "layerfs/toc.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// What is unpacked, and how a step's root file system comes of it.
enum class SnapshotForm {
  layers,  ///< Each layer in a folder of its own, for overlayfs.
  /// Where overlayfs is not to be had. A step gets the whole tree of its stack in one folder and changes it; what it
  /// changed is found by comparing. Trees are taken on from step to step; they are copied only where copies share their
  /// bytes, or where somebody reads one.
  trees,
};

/// Unpacked layers, each in its own folder in the form of an overlayfs upper folder (whiteouts are character devices
/// 0:0, opaque folders carry user.overlay.opaque), owners canonical. A stack's folders are named by StackKey, because
/// folders that a layer names only as parents take mode and owner from below; short, so that many fit in one page of
/// mount options. Derived and disposable: a ready mark holds for the boot it was written in, until `settle` syncs once
/// for all. Threads and processes may all use it at once; two wanting one layer unpack it once.
class SnapshotStore {
 public:
  /// Borrows the store. `form` is asked when it first matters, once: what the sandbox can mount decides (layers unless
  /// said otherwise).
  explicit SnapshotStore(Store& store, std::function<SnapshotForm()> form = {});
  ~SnapshotStore();

  SnapshotForm form();
  /// Names of the folders (below `folder()`), bottom first, for the stack; unpacks in parallel, each in a confined
  /// child, what is not there. Folders that were given stay as long as the store is open (core/store/lease.h).
  /// Trees: the same name for each layer, of the whole tree, to be read only. Errors: as scan_layer.
  std::vector<std::string> ensure(std::span<const Layer> stack, const StreamBlob& stream, const IngestLimits& limits,
                                  std::stop_token stop);
  /// As ensure, for who wants a step to find it there.
  void prepare(std::span<const Layer> stack, const StreamBlob& stream, const IngestLimits& limits,
               std::stop_token stop);
  /// All of it is unpacked, and ensure() gives it at once. Never said of trees: others may take them.
  bool has(std::span<const Layer> stack);
  const Dir& folder() const;
  /// The tree that the stack shows, from tables of contents; made or extended from the one asked for last.
  TreeView view(std::span<const Layer> stack, std::stop_token stop);

  /// An empty upper and work folder for one step, locked by this process. Destroyed unadopted: removed, like all that
  /// dead processes left.
  class Scratch {
   public:
    ~Scratch();
    Scratch(Scratch&&) noexcept;
    Scratch& operator=(Scratch&&) noexcept;
    const std::string& upper() const;  ///< Name below folder().
    const std::string& work() const;
    const std::string& name() const;  ///< The folder that holds it all, below folder().
    bool is_tree() const;             ///< upper() holds the whole tree.
    /// For a LayerWriter that unpacks what it writes (LayerWriter::also_unpack); adopt then seals it.
    Dir open_upper();

   private:
    friend class SnapshotStore;
    friend class SnapshotMarks;
    struct State;
    explicit Scratch(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  /// The upper folder gets the root's mode and owner from the stack's top snapshot, when there is one.
  Scratch make_scratch(std::span<const Layer> below);
  /// The root file system of one step or container, for itself alone.
  struct Root {
    Scratch scratch;                 ///< With the whole tree, or the folder for changes.
    std::vector<std::string> lower;  ///< Top first; the lowest is mount_points(). None below a tree.
  };
  enum class Use {
    layer,      ///< commit() makes a layer of the changes.
    container,  ///< Nobody asks for the changes.
  };
  /// Unpacks what is not there. Errors: as ensure.
  Root make_root(std::span<const Layer> stack, const StreamBlob& stream, const IngestLimits& limits, Use use,
                 std::stop_token stop);
  /// Name below folder() of the lowest layer for every step: it shows the folders and files that each step mounts
  /// something over, so that they need not be made in the upper folder and taken out again.
  std::string mount_points();

  /// Turns what a step left in the upper folder, or changed in its tree (hostile: V91), into a layer in one pass over
  /// the files (upper_reader.h): the same one for the same changes. `below` are the layers under it. `leave_out` are
  /// paths that must leave no trace (mount stubs): the entry, and parents that came to be for it alone; they are taken
  /// out of the upper folder too.
  struct CommitOptions {
    LayerOptions layer;
    std::vector<RootedPath> leave_out;
  };
  Layer commit(Scratch& scratch, std::span<const Layer> below, const CommitOptions& options, std::stop_token stop);
  /// Content of a file that view() of this stack has, if it is unpacked; nullopt otherwise.
  std::optional<std::string> find_unpacked(std::span<const Layer> stack, const TreeView::Node& file,
                                           std::uint64_t max_bytes, std::stop_token stop);
  /// Keeps the upper folder as the snapshot of below + layer. Afterwards ensure() finds it. Waits only for who is
  /// making this very snapshot.
  void adopt(Scratch scratch, std::span<const Layer> below, const Layer& layer, std::stop_token stop = {});

  /// Content of a file of the stack, symlinks resolved inside it: from its unpacked layer, or from its blob when it is
  /// not unpacked. nullopt when it is no regular file. Error(input) when it is longer, Error(corrupt) when the blob is.
  std::optional<std::string> find_content(std::span<const Layer> stack, const RootedPath& path, std::uint64_t max_bytes,
                                          std::stop_token stop);

  bool made_any() const;  ///< By this object: worth a settle_snapshots.
  /// What is unpacked: name and StackKey, sorted by name. For du and prune.
  struct Snapshot {
    std::string name;
    StackKey stack;
  };
  std::vector<Snapshot> list() const;
  /// What no other process uses: unpacked layers by name, and remains of what a crash or a power cut left half made.
  /// Looked for before what is needed, as in core/store/gc.h.
  std::vector<std::string> find_idle(const CollectionLock& alone) const;
  /// Those that `kept` does not name. Changes nothing. REQUIRES: `kept` was made after `idle`.
  std::vector<std::string> find_unused(const CollectionLock& alone, std::vector<std::string> idle,
                                       const std::set<StackKey>& kept) const;
  /// Removes what dead processes left of their steps. `on_left` hears of what cannot be removed, and why.
  void sweep(const std::function<void(const std::string&)>& on_left) const;
  /// Takes them out of use: they are in the scratch then, by their names. The bytes go when it does, for which nobody
  /// has to wait.
  Scratch take_out(const CollectionLock& alone, const std::vector<std::string>& names);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Makes all snapshots of this boot in the store at `root` survive a reboot: one syncfs, which may take as long as the
/// disk needs, so it is for when nobody waits; without it they are unpacked again after the next boot. Takes no part in
/// the store's locks but for the moment of writing the marks. Does nothing while another process does it.
void settle_snapshots(const Dir& root);

}  // namespace imgb
