#include "layerfs/snapshot_tree.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <set>
#include <span>

#include "core/base/error.h"
#include "layerfs/copy_tree.h"
#include "layerfs/upper_files.h"

namespace imgb {
namespace {

constexpr int kMaxLinks = 40, kMaxDepth = 1000;

bool is_whiteout(const FileStat& stat) { return stat.type == FileType::character_device && stat.rdev == 0; }

bool is_opaque(const Dir& dir) { return read_upper_xattrs(dir.open_file("", O_RDONLY | O_DIRECTORY), "").opaque; }

void put_in_front(std::deque<std::string>& rest, std::string_view path) {
  std::deque<std::string> all;
  while (!path.empty()) {
    std::string_view first = path.substr(0, path.find('/'));
    if (!first.empty() && first != ".") all.emplace_back(first);
    path.remove_prefix(std::min(path.size(), first.size() + 1));
  }
  rest.insert(rest.begin(), all.begin(), all.end());
}

}  // namespace

/// Where something is: a folder in several layers, anything else in one.
struct SnapshotTree::Node {
  FileStat stat;
  Folder folder;
  Dir parent;  ///< Of what is no folder; when this is empty as well there is nothing.
  std::string name;
};

SnapshotTree::Folder SnapshotTree::open_root() const {
  Folder root;
  for (auto name = names_.rbegin(); name != names_.rend(); ++name) root.push_back(snapshots_.open_dir(*name));
  return root;
}

SnapshotTree::Node SnapshotTree::find_in(const Folder& folder, const std::string& name) {
  Node node;
  node.name = name;
  for (const Dir& part : folder) {
    auto stat = part.find_stat(name);
    if (!stat) continue;
    if (is_whiteout(*stat)) break;
    if (node.folder.empty()) node.stat = *stat;
    if (stat->type != FileType::directory) {
      if (node.folder.empty()) node.parent = part.duplicate();
      break;
    }
    node.folder.push_back(part.open_dir(name));
    if (is_opaque(node.folder.back())) break;
  }
  return node;
}

SnapshotTree::Node SnapshotTree::resolve(const RootedPath& path) const {
  std::deque<std::string> rest;
  put_in_front(rest, path.relative());
  std::vector<Folder> way;  // from the root on: ".." goes back
  way.push_back(open_root());
  int links_left = kMaxLinks;
  while (!rest.empty()) {
    std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      if (way.size() > 1) way.pop_back();
      continue;
    }
    Node node = find_in(way.back(), name);
    if (!node.folder.empty()) {
      way.push_back(std::move(node.folder));
    } else if (node.parent && node.stat.type == FileType::symlink) {
      if (links_left-- == 0) return {};
      std::string target = node.parent.read_link(name);
      if (target.starts_with('/')) way.resize(1);
      put_in_front(rest, target);
    } else {
      return rest.empty() ? std::move(node) : Node{};
    }
  }
  Node node;
  node.folder = std::move(way.back());
  if (!node.folder.empty()) node.stat = node.folder.front().stat("");
  return node;
}

bool SnapshotTree::copy_folder(const RootedPath& path, const Dir& into, const std::string& name) const {
  Node node = resolve(path);
  if (node.folder.empty()) return false;
  node.name = name;
  copy_one(node, into, 0);
  return true;
}

void SnapshotTree::copy_below(const Folder& from, const Dir& into, int depth) {
  if (depth > kMaxDepth)
    throw_error(ErrorKind::unsupported, "{}: folders lie in each other more than {} deep", from.front().name(),
                kMaxDepth);
  std::set<std::string> names;
  for (const Dir& part : from)
    for (Dir::Entry& entry : part.list()) names.insert(std::move(entry.name));
  for (const std::string& name : names) copy_one(find_in(from, name), into, depth);
}

void SnapshotTree::copy_one(const Node& node, const Dir& into, int depth) {
  if (!node.folder.empty()) {
    into.make_dir(node.name, 0700);
    copy_below(node.folder, into.open_dir(node.name), depth + 1);
    return copy_metadata(node.folder.front().open_file("", O_RDONLY | O_DIRECTORY),
                         into.open_file(node.name, O_RDONLY | O_DIRECTORY), node.name);
  }
  if (!node.parent) return;  // removed by an upper layer
  if (node.stat.type == FileType::regular) {
    copy_file(open_upper_file(node.parent, node.name), into, node.name);
  } else if (node.stat.type == FileType::symlink || node.stat.type == FileType::fifo) {
    if (node.stat.type == FileType::symlink)
      into.make_symlink(node.parent.read_link(node.name), node.name);
    else
      into.make_node(node.name, FileType::fifo, 0600, 0);
    into.set_owner(node.name, node.stat.uid, node.stat.gid);
    if (node.stat.type == FileType::fifo) into.set_mode(node.name, node.stat.mode);
    into.set_mtime(node.name, node.stat.mtime);
  }
}

}  // namespace imgb
