#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/rooted_path.h"

namespace imgb {

/// The way along a path through a tree with symlinks, one component at a time, as chroot(2) would go it. The caller
/// keeps where it is and looks at what is there; this keeps what is still to come.
///
///   LinkWalk walk(path.relative(), path.str());
///   while (auto part = walk.next()) {
///     if (*part == "..") up, staying in the root;
///     else if (a symlink is there) { if (walk.follow(target)) back to the root; }
///     else down;
///   }
class LinkWalk {
 public:
  static constexpr int kMaxLinks = 40;

  /// `what` names the path in errors.
  LinkWalk(std::string_view path, std::string what) : what_(std::move(what)) { push(path); }

  /// The next component, never "" or "."; nullopt at the end.
  std::optional<std::string> next();
  /// Nothing comes after the one that next() gave last.
  bool at_end();
  /// What next() gave is a symlink to `target`: goes on with that, and is true when it starts from the root again.
  /// Error(input) when these were too many: a loop.
  bool follow(std::string_view target);

 private:
  void push(std::string_view path);
  void drop_empty();

  std::string what_;
  std::vector<std::string> todo_;  ///< The next one last.
  int links_ = 0;
};

/// `path` with every symlink resolved, the last one too; a missing tail is kept as it is. `link_at` gives the target of
/// the symlink at a path, nullopt where there is none. Error(input) on a loop.
template <class LinkAt>
RootedPath resolve_links(const RootedPath& path, LinkAt link_at) {
  LinkWalk walk(path.relative(), path.str());
  RootedPath at;
  while (std::optional<std::string> part = walk.next()) {
    if (*part == "..") {
      at = at.parent();
      continue;
    }
    RootedPath next = at.child(*part);
    std::optional<std::string> target = link_at(next);
    if (!target) {
      at = std::move(next);
    } else if (walk.follow(*target)) {
      at = RootedPath();
    }
  }
  return at;
}

}  // namespace imgb
