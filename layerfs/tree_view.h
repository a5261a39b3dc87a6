#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layerfs/toc.h"

namespace imgb {

/// The tree that a stack of layers shows, from tables of contents alone: nothing is unpacked. Immutable; cheap to copy.
class TreeView {
 public:
  TreeView();  ///< The empty tree (scratch): a root folder, mode 0755, owner 0:0.
  TreeView with(std::shared_ptr<const Toc> layer) const;  ///< One more layer on top.

  struct Node {
    RootedPath path;
    FileMeta meta;                  ///< Of the hard link's target for hard links.
    std::optional<Digest> content;  ///< Regular files.
    std::size_t layer = 0;          ///< Which layer (0: bottom) holds the bytes ...
    std::uint64_t data_offset = 0;  ///< ... and where in its tar.
    std::uint64_t link_group = 0;   ///< Equal for names of one file (hard links); 0: it has one name.
  };
  std::optional<Node> find(const RootedPath& path) const;  ///< Does not follow symlinks, in no component.
  /// Resolves symlinks inside the tree as chroot would; a missing tail is kept as it is. With `follow_last` false the
  /// last component is left. Error(input) on a loop (more than 40).
  RootedPath resolve(const RootedPath& path, bool follow_last = true) const;
  std::vector<Node> children(const RootedPath& folder) const;  ///< Sorted by name; empty for what is no folder.
  /// Visits `top` and all below in order of path bytes; `visit` returns false to skip a folder's content.
  template <class Visit>
  void walk(const RootedPath& top, Visit visit) const {
    auto node = find(top);
    if (node) walk_node(*node, visit);
  }

 private:
  template <class Visit>
  void walk_node(const Node& node, Visit& visit) const {
    if (!visit(node) || node.meta.type != FileType::directory) return;
    for (const Node& child : children(node.path)) walk_node(child, visit);
  }
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace imgb
