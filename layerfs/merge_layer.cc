#include "layerfs/merge_layer.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <cerrno>
#include <vector>

#include "core/base/error.h"
#include "layerfs/upper_files.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {

using Kind = TocEntry::Kind;

/// A link or a file on the way: what the layer speaks of is not in the tree, and a folder of the layer comes there.
bool is_elsewhere(const SystemError& e) { return e.errno_value() == ELOOP || e.errno_value() == ENOTDIR; }

void remove(const Dir& tree, const TocEntry& entry) {
  try {
    if (entry.kind == Kind::removed) return tree.remove_tree(entry.path.relative());
    auto folder = tree.find_dir(entry.path.relative());
    if (!folder) return;
    for (const Dir::Entry& inside : folder->list()) folder->remove_tree(inside.name);
  } catch (const SystemError& e) {
    if (!is_elsewhere(e)) throw;
  }
}

/// A folder that is on both sides, and what it is like in the layer: what is moved out of it changes its time.
struct Folder {
  RootedPath path;
  FileMeta meta;
};
Folder look_at(const Dir& layer, RootedPath path) {
  Fd folder = layer.open_dir(path.relative()).open_file("", O_RDONLY | O_DIRECTORY);
  FileStat stat = stat_of(folder, path.str());
  FileMeta meta{.mode = stat.mode, .uid = stat.uid, .gid = stat.gid, .mtime = stat.mtime};
  meta.xattrs = read_upper_xattrs(folder, path.str()).layer;
  return {std::move(path), std::move(meta)};
}

/// Moves what is in one folder; folders that are on both sides are left for later.
std::vector<RootedPath> merge_folder(const Dir& from, const Dir& into, const RootedPath& path) {
  std::vector<RootedPath> later;
  for (const Dir::Entry& entry : from.list()) {
    auto there = into.find_stat(entry.name);
    bool both = there && there->type == FileType::directory && entry.type == FileType::directory;
    if (both) {
      later.push_back(path.child(entry.name));
      continue;
    }
    bool in_the_way = there && (there->type == FileType::directory || entry.type == FileType::directory);
    if (in_the_way) into.remove_tree(entry.name);
    from.rename(entry.name, into, entry.name);
  }
  return later;
}

void take_over(const FileMeta& meta, const Fd& folder, const std::string& what) {
  for (const auto& [key, value] : read_upper_xattrs(folder, what).layer)
    if (!meta.xattrs.contains(key) && ::fremovexattr(folder.get(), key.c_str()) < 0) throw_errno("{}", what);
  apply_metadata(folder, meta, what);
}

}  // namespace

void merge_layer(const Dir& layer, const Toc& toc, const Dir& tree) {
  if (toc.count_of(Kind::removed) + toc.count_of(Kind::opaque) > 0) {
    for (std::size_t i = 0; i < toc.size(); ++i)
      if (toc.kind(i) == Kind::removed || toc.kind(i) == Kind::opaque) remove(tree, toc[i]);
  }
  std::vector<Folder> folders = {look_at(layer, RootedPath())};
  for (std::size_t i = 0; i < folders.size(); ++i) {
    RootedPath path = folders[i].path;
    for (RootedPath& inside : merge_folder(layer.open_dir(path.relative()), tree.open_dir(path.relative()), path))
      folders.push_back(look_at(layer, std::move(inside)));
  }
  // Inner ones first: what is moved into a folder changes its time.
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder)
    take_over(folder->meta, tree.open_dir(folder->path.relative()).open_file("", O_RDONLY | O_DIRECTORY),
              folder->path.str());
}

}  // namespace imgb
