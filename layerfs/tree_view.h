#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "layerfs/toc.h"

namespace imgb {

/// The tree that a stack of layers shows, from tables of contents alone: nothing is unpacked. Immutable; cheap to copy,
/// and cheap to make: there is no merged table, a lookup descends through all layers at once by binary search.
class TreeView {
 public:
  TreeView();  ///< The empty tree (scratch): a root folder, mode 0755, owner 0:0.
  TreeView with(std::shared_ptr<const Toc> layer) const;  ///< One more layer on top.
  std::size_t layer_count() const;

  struct Node {
    RootedPath path;
    FileMeta meta;                  ///< Of the hard link's target for hard links.
    std::optional<Digest> content;  ///< Regular files.
    std::size_t layer = 0;          ///< Which layer (0: bottom) names it last; its bytes are ...
    std::uint64_t data_offset = 0;  ///< ... here in the tar of that layer, or of `data_layer`,
    std::size_t data_layer = 0;     ///< a lower one only for a hard link across layers. Unpacked: `path` in `layer`.
    std::uint64_t link_group = 0;   ///< Equal for names of one file (hard links); 0: it has one name.
  };
  std::optional<Node> find(const RootedPath& path) const;  ///< Does not follow symlinks, in no component.
  /// Resolves symlinks inside the tree as chroot would; a missing tail is kept as it is. With `follow_last` false the
  /// last component is left. Error(input) on a loop (more than 40).
  RootedPath resolve(const RootedPath& path, bool follow_last = true) const;
  std::vector<Node> children(const RootedPath& folder) const;  ///< Sorted by name; empty for what is no folder.
  /// Visits `top` and all below in order of path bytes ("/a", "/a-b", "/a/c"); `visit` returns false to skip a folder's
  /// content.
  template <class Visit>
  void walk(const RootedPath& top, Visit visit) const {
    if (auto node = find(top); node && visit(*node) && node->meta.type == FileType::directory)
      walk_content(node->path, visit);
  }

 private:
  template <class Visit>
  void walk_content(const RootedPath& folder, Visit& visit) const {
    std::vector<std::string> open;  // keys "name/" of visited folders whose content is still to come; the next is last
    auto take_content = [&] {
      std::string name = std::move(open.back());
      open.pop_back();
      name.pop_back();
      walk_content(folder.child(name), visit);
    };
    for (const Node& node : children(folder)) {
      while (!open.empty() && std::string_view(open.back()) < node.path.name()) take_content();
      if (visit(node) && node.meta.type == FileType::directory) open.push_back(std::string(node.path.name()) + '/');
    }
    while (!open.empty()) take_content();
  }
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace imgb
