#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "layerfs/change_source.h"

namespace imgb {

/// Which file every name of a tree stood for at one moment, and when that was changed last: no content is read. Some 80
/// bytes a name.
class TreeIndex {
 public:
  struct Record {
    std::string name;
    FileType type = FileType::regular;
    std::uint64_t inode = 0;
    FileTime ctime = 0;
  };
  /// `begun`: the time now, by the clock of the tree's file system.
  static TreeIndex of(const Dir& root, FileTime begun, const std::stop_token& stop);

  /// Sorted by name; nullptr: there was no such folder.
  const std::vector<Record>* find_folder(const RootedPath& path) const;
  bool holds(const RootedPath& path) const;
  /// The record is of this file, which was not touched since. Where the clock of the file system is too coarse to tell
  /// what came first, it was touched.
  bool is_untouched(const Record& record, const FileStat& now) const;

 private:
  std::unordered_map<std::string, std::vector<Record>> folders_;  ///< By path.
  FileTime begun_ = 0;
};

/// What was touched in a tree since its index was made: names of other files than before, files that were written to or
/// given other metadata, names that are gone. The kernel notes every such change in a file's ctime, which no program
/// can set; files that were opened and not changed are not among them.
class TreeChanges : public ChangeSource {
 public:
  /// Nothing in the tree changes any more. Errors: system.
  TreeChanges(const Dir& root, const TreeIndex& before, const std::stop_token& stop);

  std::vector<ListedName> list(const Dir& dir, const RootedPath& path, bool hides,
                               TreeView::Descent& there) const override;
  bool got_name(const FileStat& file) const override { return named_.contains({file.device, file.inode}); }

 private:
  void compare(const RootedPath& folder, const Dir& dir, const TreeIndex& before, std::vector<RootedPath>& rest);
  void add(const RootedPath& folder, ListedName name);

  std::unordered_map<std::string, std::map<std::string, ListedName>> folders_;  ///< By path, then by name.
  std::set<std::pair<std::uint64_t, std::uint64_t>>
      named_;  ///< Device and inode of files that have names they had not.
};

}  // namespace imgb
