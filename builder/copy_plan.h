#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/chmod.h"
#include "builder/copy_selection.h"
#include "layerfs/toc.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// Where a COPY, ADD or WORKDIR puts things. Pure: trees in, sorted layer entries out (dockerfile.md 3.3
/// "Destination").

/// A destination as written and expanded, made absolute.
struct CopyDestination {
  RootedPath path;
  bool folder = false;  ///< Written with a trailing "/" or "/.", or "." itself.
};
CopyDestination parse_destination(std::string_view written, const RootedPath& workdir);

/// One entry of the layer to be written, and where its bytes are.
struct PlannedEntry {
  TocEntry::Kind kind = TocEntry::Kind::file;
  FileMeta meta;
  RootedPath link_to;                           ///< Hard links.
  const TreeView::Node* source = nullptr;       ///< Regular files: the node that has the bytes ...
  std::optional<std::uint64_t> archive_offset;  ///< ... or where they are in the tar of an extracted archive ...
  const std::string* text = nullptr;            ///< ... or the bytes themselves (heredocs).
  std::size_t input = 0;                        ///< Which tree or archive: the number the caller gave.
  bool fresh = false;                           ///< Nothing was there before.
};
/// Ascending order of path bytes, as LayerWriter wants them.
using CopyPlan = std::map<RootedPath, PlannedEntry>;

struct PlaceOptions {
  std::optional<std::pair<std::uint32_t, std::uint32_t>> owner;  ///< --chown, resolved.
  std::optional<ModeChange> mode;                                ///< --chmod
  FileTime now = 0;                                              ///< For what is made anew.
  /// --link: nothing is known of what is below, so that the folders above a destination, which may be there already,
  /// are named as most are: 0755, 0:0.
  bool link = false;
};

/// Collects what one instruction puts on top of `below`. Later things replace earlier ones, as BuildKit does it: one
/// source after the other. What is placed must outlive the plan.
class CopyPlanner {
 public:
  CopyPlanner(TreeView below, PlaceOptions options) : below_(std::move(below)), options_(std::move(options)) {}

  void place(const CopyItem& item, std::size_t input, const CopyDestination& to);
  void place_text(std::string_view name, const std::string& content, FileTime mtime, const CopyDestination& to);
  /// One regular file under the given name: ADD of a download.
  void place_file(std::string_view name, const TreeView::Node& file, std::size_t input, const CopyDestination& to);
  /// Extracts an archive into the destination, which is always a folder. --chmod does not apply.
  void place_archive(const Toc& archive, std::size_t input, const CopyDestination& to);
  /// mkdir -p with the mode 0755 and the owner of the options: WORKDIR.
  void place_folder(const RootedPath& path) { make_folders(resolve(path), folder_mode()); }

  CopyPlan take();

 private:
  struct Seen {
    FileMeta meta;
    bool planned = false;
  };
  std::optional<Seen> find(const RootedPath& path) const;
  bool in_fresh_folder(const RootedPath& path) const;
  RootedPath resolve(const RootedPath& path) const;
  static constexpr std::uint32_t kPlainFolder = 0755;
  std::uint32_t folder_mode() const;
  void make_folders(const RootedPath& path, std::uint32_t mode, bool owned = true);
  RootedPath destination(const CopyDestination& to);
  RootedPath file_target(std::string_view name, const CopyDestination& to);
  void put_file(const RootedPath& at, PlannedEntry entry);
  void place_content(const CopyItem& item, std::size_t input, const RootedPath& into);
  void place_below(const TreeView::Node& node, std::size_t input, const RootedPath& at);
  RootedPath archive_target(const RootedPath& path, const RootedPath& into);
  void replace(const RootedPath& at, PlannedEntry entry);
  void extract(const TocEntry& entry, std::size_t input, const RootedPath& into);
  void extract_link(const TocEntry& link, const RootedPath& into);
  void forget_below(const RootedPath& path);
  FileMeta dressed(const FileMeta& meta) const;
  void settle_hard_links();

  TreeView below_;
  PlaceOptions options_;
  CopyPlan plan_;
  /// Files that may have several planned names: each name's file, and the files as they were when the first name came.
  /// What replaces one name leaves the others as they are.
  std::map<RootedPath, std::size_t> file_of_;
  std::vector<PlannedEntry> files_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> groups_;  ///< By (item, link group).
  std::size_t items_ = 0;
};

}  // namespace imgb
