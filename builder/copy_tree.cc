#include "builder/copy_tree.h"

#include "core/base/link_walk.h"

namespace imgb {

RootedPath resolve_links(const CopyTree& tree, const RootedPath& path) {
  return resolve_links(path, [&](const RootedPath& at) -> std::optional<std::string> {
    auto entry = tree.find(at);
    if (!entry || entry->node.meta.type != FileType::symlink) return std::nullopt;
    return std::move(entry->node.meta.link_target);
  });
}

std::optional<CopyTree::Entry> LayerCopyTree::find(const RootedPath& path) const {
  auto node = view_.find(path);
  if (!node) return std::nullopt;
  return Entry{std::move(*node)};
}

std::vector<CopyTree::Entry> LayerCopyTree::children(const RootedPath& folder) const {
  std::vector<Entry> entries;
  for (auto& node : view_.children(folder)) entries.push_back({std::move(node)});
  return entries;
}

IgnoreMatcher::Folder IgnoringTree::state_of(const RootedPath& folder) const {
  IgnoreMatcher::Folder state = ignore_.root();
  std::string_view relative = folder.relative();
  for (std::size_t end = 0; end < relative.size();) {
    end = std::min(relative.find('/', end + 1), relative.size());
    state = ignore_.check(state, relative.substr(0, end)).folder;
  }
  return state;
}

bool IgnoringTree::hides(Entry& entry, const IgnoreMatcher::Folder& parent) const {
  auto verdict = ignore_.check(parent, entry.node.path.relative());
  if (!verdict.ignored) return false;
  entry.only_parent = true;
  return entry.node.meta.type != FileType::directory || verdict.prune || children(entry.node.path).empty();
}

std::optional<CopyTree::Entry> IgnoringTree::find(const RootedPath& path) const {
  auto entry = all_.find(path);
  if (!entry || path.is_root()) return entry;
  if (hides(*entry, state_of(path.parent()))) return std::nullopt;
  return entry;
}

std::vector<CopyTree::Entry> IgnoringTree::children(const RootedPath& folder) const {
  auto entries = all_.children(folder);
  IgnoreMatcher::Folder state = state_of(folder);
  std::erase_if(entries, [&](Entry& entry) { return hides(entry, state); });
  return entries;
}

}  // namespace imgb
