#include <algorithm>

#include "layerfs/change_source.h"

namespace imgb {
namespace {

bool is_whiteout(const Dir& dir, const Dir::Entry& entry) {
  return entry.type == FileType::character_device && dir.stat(entry.name).rdev == 0;
}

bool is_there(TreeView::Descent& folder, std::string_view name) {
  folder.enter(name);
  bool there = folder.node().has_value();
  folder.leave();
  return there;
}

}  // namespace

std::vector<ListedName> UpperChanges::list(const Dir& dir, const RootedPath& path, bool hides,
                                           TreeView::Descent& there) const {
  std::vector<ListedName> names;
  std::vector<Dir::Entry> entries = dir.list();
  there.go_to(path);
  for (Dir::Entry& entry : entries) {
    // No layer holds a socket; but it is where something else was.
    bool gone = entry.type == FileType::socket || is_whiteout(dir, entry);
    if (!gone || is_there(there, entry.name)) names.push_back({std::move(entry.name), entry.type, gone});
  }
  if (!hides || !there.is_folder()) return names;
  std::size_t present = names.size();
  for (std::string& name : there.names()) {
    auto at = std::ranges::lower_bound(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(present), name, {},
                                       &ListedName::name);
    bool is_present = at != names.begin() + static_cast<std::ptrdiff_t>(present) && at->name == name;
    if (!is_present && is_there(there, name)) names.push_back({std::move(name), FileType::regular, true});
  }
  std::ranges::sort(names, {}, &ListedName::name);
  return names;
}

}  // namespace imgb
