#include "builder/folder_tree.h"

#include <fcntl.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/entry_policy.h"

namespace imgb {
namespace {

/// What a layer may carry, but for the ACLs of this host's users.
Xattrs kept_xattrs(const Xattrs& all) {
  Xattrs kept;
  for (const auto& [key, value] : all)
    if (is_layer_xattr(key) && !key.starts_with("system.")) kept.emplace(key, canonical_xattr(key, value));
  return kept;
}

[[noreturn]] void throw_changed(const TreeView::Node& node) {
  throw_error(ErrorKind::input, "{} changed while the build read it", printable(node.path.str()));
}

bool same_file(const FileStat& a, const FileStat& b) {
  return a.inode == b.inode && a.device == b.device && a.size_bytes == b.size_bytes && a.mtime == b.mtime &&
         a.ctime == b.ctime;
}

}  // namespace

TreeView::Node FolderTree::node_of(const Dir& parent, std::string_view name, RootedPath path,
                                   const FileStat& stat) const {
  TreeView::Node node;
  node.path = std::move(path);
  node.meta.type = stat.type;
  node.meta.mode = stat.mode;
  node.meta.mtime = stat.mtime;
  if (stat.type == FileType::symlink) {
    node.meta.link_target = parent.read_link(name);
  } else if (stat.type == FileType::character_device || stat.type == FileType::block_device) {
    node.meta.rdev = stat.rdev;
  } else if (stat.type == FileType::regular) {
    node.meta.size_bytes = stat.size_bytes;
    if (stat.link_count > 1) node.link_group = groups_->of(stat);
    auto known = known_.find(stat);
    if (known) node.content = known->content;
    if (!known || known->has_xattrs) node.meta.xattrs = kept_xattrs(parent.xattrs(name));
  }
  return node;
}

std::optional<CopyTree::Entry> FolderTree::find(const RootedPath& path) const {
  if (path.is_root()) return Entry{node_of(dir_, ".", path, dir_.stat("."))};
  std::optional<Dir> parent;
  try {
    parent = dir_.find_dir(path.parent().relative());
  } catch (const SystemError& e) {
    if (e.errno_value() == ELOOP) return std::nullopt;  // a symlink on the way
    throw;
  }
  auto stat = parent ? parent->find_stat(path.name()) : std::nullopt;
  if (!stat) return std::nullopt;
  return Entry{node_of(*parent, path.name(), path, *stat)};
}

std::vector<CopyTree::Entry> FolderTree::children(const RootedPath& folder) const {
  Dir dir = dir_.open_dir(folder.relative());
  std::vector<Entry> entries;
  for (const Dir::Entry& item : dir.list_once()) {
    auto stat = dir.find_stat(item.name);
    if (!stat) continue;  // removed since it was listed: as if the walk had come later
    entries.push_back({node_of(dir, item.name, folder.child(item.name), *stat)});
  }
  return entries;
}

FolderTree::Opened FolderTree::open(const TreeView::Node& node) const {
  // O_NONBLOCK: the file may have become a fifo, and opening must not wait for its other end.
  auto fd = dir_.find_file(node.path.relative(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW, Links::refuse);
  if (!fd) throw_changed(node);
  FileStat stat = stat_of(*fd, node.path.str());
  if (stat.type != FileType::regular || stat.size_bytes != node.meta.size_bytes || stat.mtime != node.meta.mtime) {
    throw_changed(node);
  }
  auto known = node.content ? known_.find(stat) : std::nullopt;
  return {std::move(*fd), stat, known && known->content == node.content};
}

void FolderTree::check_unchanged(const TreeView::Node& node, const Opened& file) const {
  if (!same_file(file.stat, stat_of(file.fd, node.path.str()))) throw_changed(node);
}

void FolderTree::remember(const TreeView::Node& node, const FileStat& stat, const Digest& content,
                          Nanoseconds read_at) const {
  known_.add(stat, {content, !node.meta.xattrs.empty()}, read_at);
}

Digest FolderTree::hash(const TreeView::Node& node, Nanoseconds read_at, const std::stop_token& stop) const {
  Opened file = open(node);
  HashingSink hash;
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
  while (std::size_t got = read_some(file.fd, {buffer.get(), kStreamBufferBytes}, node.path.str())) {
    throw_if_stopped(stop);
    hash.write({buffer.get(), got});
  }
  if (hash.size_bytes() != node.meta.size_bytes) throw_changed(node);
  Digest content = hash.finish();
  check_unchanged(node, file);
  remember(node, file.stat, content, read_at);
  return content;
}

}  // namespace imgb
