#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  void walk(const RootedPath& top, const std::function<bool(const Node&)>& visit) const;

  /// A place in the tree, for who goes down and up again: each step is one lookup, however deep it is.
  class Descent {
   public:
    explicit Descent(const TreeView& tree);  ///< At the root.
    Descent(Descent&&) noexcept;
    ~Descent();
    void enter(std::string_view name);   ///< One component, which need not be there, nor be a folder.
    void leave();                        ///< REQUIRES: not at the root.
    void go_to(const RootedPath& path);  ///< Up as far as it must, then down.
    const RootedPath& path() const;
    std::optional<Node> node() const;
    bool is_folder() const;
    std::vector<std::string> names() const;  ///< Of what may be in this folder, sorted: some of them may be removed.

   private:
    struct Place;
    std::unique_ptr<Place> place_;
  };

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace imgb
