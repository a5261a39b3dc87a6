#include "layerfs/layer_tree.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/link_walk.h"
#include "core/base/text.h"

namespace imgb {
namespace {
/// Folders that links lead through, over all entries: a few thousand small entries could else keep us busy for hours.
constexpr std::uint64_t kMaxLinkSteps = 20'000'000;
/// Each of them has to be gone to from the root, again and again, by us and by the kernel: some seconds.
constexpr std::uint64_t kMaxImpliedBytes = 32 << 20;
constexpr std::size_t kFirstBuckets = 64, kMaxNameBytes = 255;
using Kind = TocEntry::Kind;
}  // namespace

LayerTree::LayerTree(std::uint64_t max_entries, std::function<void(const RootedPath&)> on_remove)
    : max_entries_(max_entries), on_remove_(std::move(on_remove)), buckets_(kFirstBuckets, kNone) {
  nodes_.emplace_back();  // the root
}

void LayerTree::count() {
  if (++entries_ > max_entries_) throw_error(ErrorKind::input, "layer has more than {} entries", max_entries_);
}

LayerTree::Id LayerTree::find_child(Id parent, std::string_view name) const {
  Id id = buckets_[hash_(parent, name) & (buckets_.size() - 1)];
  while (id != kNone && (nodes_[id].parent != parent || name_of(id) != name)) id = nodes_[id].next_in_bucket;
  return id;
}

void LayerTree::grow_buckets() {
  buckets_.assign(buckets_.size() * 2, kNone);
  for (Id id = kRoot + 1; id < nodes_.size(); ++id) {
    if (nodes_[id].alive) nodes_[id].next_in_bucket = std::exchange(bucket_of(nodes_[id].parent, name_of(id)), id);
  }
}

void LayerTree::forget_name(Id id) {
  Id* at = &bucket_of(nodes_[id].parent, name_of(id));
  while (*at != id) at = &nodes_[*at].next_in_bucket;
  *at = nodes_[id].next_in_bucket;
}

LayerTree::Id LayerTree::add_child(Id parent, std::string_view name, Shape shape) {
  count();
  std::size_t path_bytes = nodes_[parent].path_bytes + 1 + name.size();
  if (name.size() > kMaxNameBytes || path_bytes > kMaxPathBytes)
    throw_error(ErrorKind::input, "entry {}/{}: a path of more than {} bytes, or a name of more than {}",
                printable(path_of(parent).str()), printable(name), kMaxPathBytes, kMaxNameBytes);
  auto id = static_cast<Id>(nodes_.size());
  if (nodes_.size() > buckets_.size()) grow_buckets();
  Node& node = nodes_.emplace_back();
  node.parent = parent;
  node.name_offset = static_cast<std::uint32_t>(names_.size());
  node.name_bytes = static_cast<std::uint8_t>(name.size());
  node.path_bytes = static_cast<std::uint16_t>(path_bytes);
  node.shape = shape;
  contents_.check_room(names_.size() + name.size());
  names_.append(name);
  node.next = nodes_[parent].first_child;
  if (node.next != kNone) nodes_[node.next].previous = id;
  nodes_[parent].first_child = id;
  node.next_in_bucket = std::exchange(bucket_of(parent, name), id);
  return id;
}

RootedPath LayerTree::path_of(Id id) const {
  std::vector<Id> chain;
  for (; id != kRoot; id = nodes_[id].parent) chain.push_back(id);
  std::string text;
  for (std::size_t i = chain.size(); i-- > 0;) (text += '/') += name_of(chain[i]);
  return RootedPath::clean(text);
}

LayerTree::Id LayerTree::add_implied(Id parent, std::string_view name) {
  Id id = add_child(parent, name, Shape::folder);
  implied_bytes_ += nodes_[id].path_bytes;
  if (implied_bytes_ > kMaxImpliedBytes)
    throw_error(ErrorKind::input, "paths of folders that no entry names of more than {}",
                render_size(kMaxImpliedBytes));
  return id;
}

/// The folder that `path` leads to, made where it is missing.
LayerTree::Id LayerTree::folder_for(const RootedPath& path, const RootedPath& entry) {
  LinkWalk walk(path.relative(), "entry " + entry.str());
  Id at = kRoot;
  while (auto part = walk.next()) {
    if (*part == "..") {
      if (at != kRoot) at = nodes_[at].parent;
      continue;
    }
    Id child = find_child(at, *part);
    if (child == kNone) child = add_implied(at, *part);
    Node& node = nodes_[child];
    if (node.shape == Shape::symlink) {
      std::string target = contents_.entry(node.record).meta.link_target;
      link_steps_ += 1 + static_cast<std::uint64_t>(std::count(target.begin(), target.end(), '/'));
      if (link_steps_ > kMaxLinkSteps)
        throw_error(ErrorKind::input, "entry {}: symbolic links lead through more than {} folders",
                    printable(entry.str()), kMaxLinkSteps);
      if (walk.follow(target)) at = kRoot;
      continue;
    }
    if (node.shape == Shape::other)
      throw_error(ErrorKind::input, "entry {}: {} above it is not a folder", printable(entry.str()),
                  printable(path_of(child).str()));
    if (node.shape == Shape::gone) {
      node.shape = Shape::folder;
      node.opaque = true;
      node.removed = false;
    }
    at = child;
  }
  return at;
}

LayerTree::Id LayerTree::folder_of_entry(const RootedPath& path) {
  RootedPath parent = path.parent();
  if (last_parent_id_ == kNone || parent != last_parent_) {
    last_parent_id_ = folder_for(parent, path);
    last_parent_ = std::move(parent);
  }
  return last_parent_id_;
}

/// The node a hard link means. kNone: it is not in this layer. `resolved` is where it is, or would be.
LayerTree::Id LayerTree::find_resolved(const RootedPath& path, RootedPath& resolved) {
  resolved = path;
  Id at = kRoot;
  std::vector<std::string_view> parts = path.components();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Id child = find_child(at, parts[i]);
    if (child == kNone) return kNone;
    if (nodes_[child].shape == Shape::symlink && i + 1 < parts.size()) {
      // Rare: let the folders on the way be made as for an entry.
      Id parent = folder_for(path.parent(), path);
      resolved = path_of(parent).child(path.name());
      return find_child(parent, path.name());
    }
    at = child;
  }
  return at;
}

LayerTree::Place LayerTree::place(TocEntry entry) {
  if (entries_ >= max_entries_) count();
  Place place;
  if (entry.kind == Kind::opaque) {
    nodes_[folder_for(entry.path, entry.path)].opaque = true;
    return place;
  }
  if (entry.path.is_root()) {
    count();
    place.is_new = false;
    place.record = nodes_[kRoot].record = static_cast<std::uint32_t>(contents_.add(entry));
    return place;
  }
  Id parent = folder_of_entry(entry.path);
  std::string name(entry.path.name());
  if (entry.kind == Kind::removed) {
    place_removed(parent, name);
    return place;
  }
  entry.path = path_of(parent).child(name);
  place.path = entry.path;
  if (entry.kind == Kind::file && entry.meta.type == FileType::directory) {
    place_folder(place, parent, entry);
  } else {
    place_other(place, parent, std::move(entry));
  }
  return place;
}

void LayerTree::place_removed(Id parent, std::string_view name) {
  Id id = find_child(parent, name);
  if (id == kNone) id = add_child(parent, name, Shape::gone);
  Node& node = nodes_[id];
  if (node.shape == Shape::folder) node.opaque = true;
  if (node.shape == Shape::gone) node.removed = true;
}

void LayerTree::place_folder(Place& place, Id parent, const TocEntry& entry) {
  Id id = find_child(parent, entry.path.name());
  if (id != kNone && nodes_[id].shape == Shape::gone) {
    nodes_[id].shape = Shape::folder;
    nodes_[id].opaque = true;
    nodes_[id].removed = false;
  } else if (id != kNone && nodes_[id].shape == Shape::folder) {
    place.is_new = false;
    count();  // a repeated folder costs a record too
  } else {
    if (id != kNone) remove(id);
    id = add_child(parent, entry.path.name(), Shape::folder);
  }
  place.record = nodes_[id].record = static_cast<std::uint32_t>(contents_.add(entry));
}

/// The node that a hard link means, kNone when a lower layer must have it; its link_to becomes the true path.
LayerTree::Id LayerTree::target_of(TocEntry& link, Id parent) {
  auto refuse = [&](std::string_view why) {
    throw_error(ErrorKind::input, "entry {}: a hard link to {}", printable(link.path.str()), why);
  };
  RootedPath resolved;
  Id target = find_resolved(link.link_to, resolved);
  link.link_to = std::move(resolved);
  if (link.link_to == link.path) refuse("itself");
  if (target == kNone || nodes_[target].shape == Shape::gone) return kNone;
  if (nodes_[target].shape == Shape::folder) refuse("a folder");
  // What the link replaces may be the folder that holds the target.
  Id replaced = find_child(parent, link.path.name());
  for (Id above = target; above != kRoot; above = nodes_[above].parent) {
    if (above == replaced) refuse("what it replaces");
  }
  return target;
}

void LayerTree::join_group(Id id, Id target, TocEntry& link) {
  if (nodes_[target].group == kNone) {
    nodes_[target].group = static_cast<std::uint32_t>(groups_.size());
    groups_.push_back({.holder = target});
  }
  Group& group = groups_[nodes_[target].group];
  link.link_to = path_of(group.holder);
  nodes_[id].group = nodes_[target].group;
  nodes_[id].next_in_group = group.first_link;
  nodes_[id].shape = nodes_[group.holder].shape;
  group.first_link = id;
}

void LayerTree::place_other(Place& place, Id parent, TocEntry entry) {
  Id target = entry.kind == Kind::hard_link ? target_of(entry, parent) : kNone;
  if (Id id = find_child(parent, entry.path.name()); id != kNone) remove(id);
  Id id = add_child(parent, entry.path.name(), entry.meta.type == FileType::symlink ? Shape::symlink : Shape::other);
  if (target != kNone) join_group(id, target, entry);
  place.link_is_here = target != kNone;
  place.link_to = entry.link_to;
  place.record = nodes_[id].record = static_cast<std::uint32_t>(contents_.add(entry));
}

/// Takes the node and all below it out of the tree.
void LayerTree::remove(Id top) {
  if (nodes_[top].shape != Shape::gone) on_remove_(path_of(top));
  unlink(top);
  std::vector<Id> todo{top};
  while (!todo.empty()) {
    Id id = todo.back();
    todo.pop_back();
    forget_name(id);
    nodes_[id].alive = false;
    for (Id child = nodes_[id].first_child; child != kNone; child = nodes_[child].next) todo.push_back(child);
    leave_group(id);
  }
  last_parent_id_ = kNone;
}

void LayerTree::unlink(Id id) {
  Node& node = nodes_[id];
  if (node.previous != kNone) {
    nodes_[node.previous].next = node.next;
  } else {
    nodes_[node.parent].first_child = node.next;
  }
  if (node.next != kNone) nodes_[node.next].previous = node.previous;
}

/// When a file's first name goes, the next living one takes its record over.
void LayerTree::leave_group(Id id) {
  if (nodes_[id].group == kNone) return;
  Group& group = groups_[nodes_[id].group];
  if (group.holder != id) return;
  TocEntry file = contents_.entry(nodes_[id].record);
  group.holder = kNone;
  while (group.first_link != kNone && group.holder == kNone) {
    Id heir = group.first_link;
    group.first_link = nodes_[heir].next_in_group;
    if (nodes_[heir].alive) group.holder = heir;
  }
  if (group.holder == kNone) return;
  file.path = path_of(group.holder);
  nodes_[group.holder].record = static_cast<std::uint32_t>(contents_.add(file));
  group.promoted = true;
}

Toc LayerTree::finish() {
  std::vector<std::uint32_t> keep;
  for (Id id = 0; id < nodes_.size(); ++id) {
    const Node& node = nodes_[id];
    if (!node.alive) continue;
    std::uint32_t record = node.record;
    if (record != kNone && node.group != kNone && groups_[node.group].promoted && groups_[node.group].holder != id) {
      TocEntry link = contents_.entry(record);
      link.link_to = path_of(groups_[node.group].holder);
      record = static_cast<std::uint32_t>(contents_.add(link));
    }
    if (record != kNone) keep.push_back(record);
    auto mark = [&](Kind kind) {
      TocEntry entry;
      entry.path = path_of(id);
      entry.kind = kind;
      keep.push_back(static_cast<std::uint32_t>(contents_.add(entry)));
    };
    if (node.opaque && node.shape == Shape::folder) mark(Kind::opaque);
    if (node.removed && node.shape == Shape::gone) mark(Kind::removed);
  }
  nodes_ = {};
  names_ = {};
  buckets_ = {};
  return contents_.finish(std::move(keep));
}

}  // namespace imgb
