#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder/ignore.h"
#include "core/base/stream.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// A tree that COPY, ADD and RUN mounts take files from: a folder of the host, an archive, a stage, an image. Nodes are
/// as a layer will carry them: owners of a host folder are 0:0, ignored files do not exist. Threads: const functions
/// may run at once.
class CopyTree {
 public:
  virtual ~CopyTree() = default;
  struct Entry {
    TreeView::Node node;
    /// An ignored folder that is there only for what an exception brings back below it.
    bool only_parent = false;
  };
  /// What is at `path`, following no symlink in any component.
  virtual std::optional<Entry> find(const RootedPath& path) const = 0;
  virtual std::vector<Entry> children(const RootedPath& folder) const = 0;  ///< Sorted by name.
};

/// `path` with every symlink resolved inside the tree, the last one too. A missing tail is kept as it is. Error(input)
/// on a loop.
RootedPath resolve_links(const CopyTree& tree, const RootedPath& path);

/// A stack of layers seen as a CopyTree.
class LayerCopyTree : public CopyTree {
 public:
  explicit LayerCopyTree(TreeView view) : view_(std::move(view)) {}
  std::optional<Entry> find(const RootedPath& path) const override;
  std::vector<Entry> children(const RootedPath& folder) const override;

 private:
  TreeView view_;
};

/// A tree without what an ignore file names. An ignored folder is listed only when an exception brings back something
/// below it.
class IgnoringTree : public CopyTree {
 public:
  /// Borrows both.
  IgnoringTree(const CopyTree& all, const IgnoreMatcher& ignore) : all_(all), ignore_(ignore) {}
  std::optional<Entry> find(const RootedPath& path) const override;
  std::vector<Entry> children(const RootedPath& folder) const override;

 private:
  bool hides(Entry& entry, const IgnoreMatcher::Folder& parent) const;
  IgnoreMatcher::Folder state_of(const RootedPath& folder) const;

  const CopyTree& all_;
  const IgnoreMatcher& ignore_;
};

}  // namespace imgb
