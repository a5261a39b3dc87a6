#pragma once
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "builder/copy_tree.h"

namespace imgb {

/// Which files one COPY or ADD takes from a tree: its source patterns, symlinks, --exclude and --parents resolved
/// (dockerfile.md 3.3). Pure but for what the tree does.

/// One thing that is copied: a file, or a folder's content.
struct CopyItem {
  std::string name;  ///< What the destination is called when it is a folder: the last component as written.
  RootedPath root;   ///< Where it is in the tree, symlinks resolved. Destinations are relative to this.
  /// The item itself, then (folders) all below it that is taken, parents before children.
  std::vector<TreeView::Node> nodes;
  /// From a pattern with --parents: `root` is where the kept part of the path starts, and nodes[0] is only the place.
  bool parents = false;
  bool is_folder() const { return nodes.front().meta.type == FileType::directory; }
};

struct SelectOptions {
  std::vector<std::string> exclude;
  bool parents = false;
};

/// The items of one source pattern (expanded), in the order of the walk. A pattern without a match gives none; a
/// literal path that is not there is Error(not_found) `"/x": not found`.
std::vector<CopyItem> select_source(const CopyTree& tree, std::string_view pattern, const SelectOptions& options,
                                    const std::stop_token& stop);

/// Everything at and below `path` (symlinks resolved) as one item: what a bind mount shows.
CopyItem select_subtree(const CopyTree& tree, const RootedPath& path, const std::stop_token& stop);

}  // namespace imgb
