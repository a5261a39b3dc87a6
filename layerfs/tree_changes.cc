#include "layerfs/tree_changes.h"

#include <algorithm>

#include "core/base/task.h"
#include "core/base/time.h"

namespace imgb {
namespace {

/// The clock that stamps files ticks every few milliseconds; on some file systems every second, or every two.
constexpr FileTime kClockTick = 20'000'000, kCoarseClockTick = 2 * kNanosecondsPerSecond;

/// No layer holds a socket, and a device 0:0 is a whiteout in all that reads it later.
bool counts(const FileStat& stat) {
  return stat.type != FileType::socket && !(stat.type == FileType::character_device && stat.rdev == 0);
}

}  // namespace

TreeIndex TreeIndex::of(const Dir& root, FileTime begun, const std::stop_token& stop) {
  TreeIndex index;
  index.begun_ = begun;
  std::vector<RootedPath> rest = {RootedPath()};
  while (!rest.empty()) {
    throw_if_stopped(stop);
    RootedPath path = std::move(rest.back());
    rest.pop_back();
    Dir dir = root.open_dir(path.relative());
    std::vector<Record>& records = index.folders_[path.str()];
    for (Dir::Entry& entry : dir.list_once()) {
      FileStat stat = dir.stat(entry.name);
      if (!counts(stat)) continue;
      if (stat.type == FileType::directory) rest.push_back(path.child(entry.name));
      records.push_back({std::move(entry.name), stat.type, stat.inode, stat.ctime});
    }
  }
  return index;
}

const std::vector<TreeIndex::Record>* TreeIndex::find_folder(const RootedPath& path) const {
  auto found = folders_.find(path.str());
  return found == folders_.end() ? nullptr : &found->second;
}

bool TreeIndex::holds(const RootedPath& path) const {
  if (path.is_root()) return true;
  const std::vector<Record>* folder = find_folder(path.parent());
  return folder &&
         std::ranges::binary_search(*folder, path.name(), {}, [](const Record& r) { return std::string_view(r.name); });
}

bool TreeIndex::is_untouched(const Record& record, const FileStat& now) const {
  FileTime tick = record.ctime % kNanosecondsPerSecond ? kClockTick : kCoarseClockTick;
  return record.type == now.type && record.inode == now.inode && record.ctime == now.ctime &&
         record.ctime < begun_ - tick;
}

TreeChanges::TreeChanges(const Dir& root, const TreeIndex& before, const std::stop_token& stop) {
  std::vector<RootedPath> rest = {RootedPath()};
  while (!rest.empty()) {
    throw_if_stopped(stop);
    RootedPath path = std::move(rest.back());
    rest.pop_back();
    compare(path, root.open_dir(path.relative()), before, rest);
  }
}

void TreeChanges::add(const RootedPath& folder, ListedName name) {
  auto [at, is_first] = folders_.try_emplace(folder.str());
  std::string key = name.name;
  at->second.insert_or_assign(std::move(key), std::move(name));
  // What is in a folder counts for it, and for those above.
  if (is_first && !folder.is_root()) add(folder.parent(), {std::string(folder.name()), FileType::directory});
}

/// Both lists are sorted.
void TreeChanges::compare(const RootedPath& folder, const Dir& dir, const TreeIndex& before,
                          std::vector<RootedPath>& rest) {
  static const std::vector<TreeIndex::Record> kNone;
  const auto* known = before.find_folder(folder);
  auto was = known ? known->begin() : kNone.begin(), end = known ? known->end() : kNone.end();
  for (const Dir::Entry& entry : dir.list()) {
    FileStat stat = dir.stat(entry.name);
    if (!counts(stat)) continue;
    for (; was != end && was->name < entry.name; ++was) add(folder, {was->name, was->type, true});
    bool is_known = was != end && was->name == entry.name;
    bool untouched = is_known && before.is_untouched(*was, stat);
    bool is_new_name = !is_known || was->inode != stat.inode;
    if (is_new_name && stat.link_count > 1) named_.emplace(stat.device, stat.inode);
    if (is_known) ++was;
    if (stat.type == FileType::directory) rest.push_back(folder.child(entry.name));
    if (untouched) continue;
    add(folder, {entry.name, stat.type});
  }
  for (; was != end; ++was) add(folder, {was->name, was->type, true});
}

std::vector<ListedName> TreeChanges::list(const Dir&, const RootedPath& path, bool, TreeView::Descent&) const {
  std::vector<ListedName> names;
  auto found = folders_.find(path.str());
  if (found == folders_.end()) return names;
  for (const auto& [name, listed] : found->second) names.push_back(listed);
  return names;
}

}  // namespace imgb
