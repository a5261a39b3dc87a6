#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "builder/copy_tree.h"
#include "builder/stat_cache.h"
#include "core/base/dir.h"
#include "core/base/task.h"

namespace imgb {

/// Numbers from 1 for the files of a folder that have several names: inodes count for their device alone. Threads: may
/// be called at once.
class LinkGroups {
 public:
  std::uint64_t of(const FileStat& file) {
    return numbers_.with(
        [&](auto& all) { return all.try_emplace(std::pair(file.device, file.inode), all.size() + 1).first->second; });
  }

 private:
  Guarded<std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>> numbers_;
};

/// A folder of the host as a build context: read by folder fd only, one walk per selection, no file is opened for what
/// the stat cache knows. Owners become 0:0; of extended attributes only those that layers carry are seen.
class FolderTree : public CopyTree {
 public:
  /// Borrows both. `known` may be shared by several trees of one folder.
  FolderTree(const Dir& dir, StatCache& known) : dir_(dir), known_(known) {}

  std::optional<Entry> find(const RootedPath& path) const override;
  std::vector<Entry> children(const RootedPath& folder) const override;

  /// A regular file, opened for reading. Error(input) when it is not what the walk saw (V41).
  struct Opened {
    Fd fd;
    FileStat stat;
    /// The digest that the walk gave it still holds, as long as check_unchanged() passes after the reading.
    bool is_known = false;
  };
  Opened open(const TreeView::Node& node) const;
  /// After all bytes were read: Error(input) when the file changed meanwhile.
  void check_unchanged(const TreeView::Node& node, const Opened& file) const;
  /// Keeps the digest of what was read since `read_at`.
  void remember(const TreeView::Node& node, const FileStat& stat, const Digest& content, Nanoseconds read_at) const;
  /// Reads a file for its digest alone.
  Digest hash(const TreeView::Node& node, Nanoseconds read_at, const std::stop_token& stop) const;

 private:
  TreeView::Node node_of(const Dir& parent, std::string_view name, RootedPath path, const FileStat& stat) const;

  const Dir& dir_;
  StatCache& known_;
  std::shared_ptr<LinkGroups> groups_ = std::make_shared<LinkGroups>();
};

}  // namespace imgb
