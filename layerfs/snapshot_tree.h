#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/base/dir.h"
#include "core/base/rooted_path.h"

namespace imgb {

/// The tree that a stack of unpacked layers shows, read from their folders (SnapshotStore) without a mount: whiteouts
/// hide, opaque folders hide what is below, links are followed inside. Reads what it is asked for and nothing else.
/// Owners and links are the image's: hostile, but nothing leads out of the folders.
class SnapshotTree {
 public:
  /// `snapshots` is borrowed; `names`: as SnapshotStore::ensure gives them, bottom first. Opens nothing yet.
  SnapshotTree(const Dir& snapshots, std::vector<std::string> names)
      : snapshots_(snapshots), names_(std::move(names)) {}

  /// Copies the folder at `path`, all below it included, to `name` in `into`: content, owners, modes, times and
  /// attributes. Devices and sockets are left out. False: there is no folder at `path`. Error(unsupported) when folders
  /// lie in each other more than a thousand deep; system.
  bool copy_folder(const RootedPath& path, const Dir& into, const std::string& name) const;

 private:
  using Folder = std::vector<Dir>;  ///< What each layer has of it, top first.
  struct Node;
  static Node find_in(const Folder& folder, const std::string& name);
  Node resolve(const RootedPath& path) const;
  static void copy_below(const Folder& from, const Dir& into, int depth);
  static void copy_one(const Node& node, const Dir& into, int depth);

  Folder open_root() const;

  const Dir& snapshots_;
  std::vector<std::string> names_;
};

}  // namespace imgb
