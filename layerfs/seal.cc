#include "layerfs/seal.h"

#include <fcntl.h>

#include <map>
#include <unordered_set>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/text.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {

using Kind = TocEntry::Kind;

/// Folders above the layer's entries that it does not name, deepest last.
std::vector<RootedPath> unnamed_parents(const Toc& layer) {
  std::unordered_set<std::string> seen;
  std::vector<RootedPath> out;
  std::string last;
  auto visit = [&](RootedPath path) {
    std::vector<RootedPath> chain;
    while (seen.insert(path.str()).second) {
      chain.push_back(path);
      if (path.is_root()) break;
      path = path.parent();
    }
    for (std::size_t i = chain.size(); i-- > 0;) {
      auto own = layer.find(chain[i].str(), Kind::file);
      if (!own) out.push_back(chain[i]);
    }
  };
  visit(RootedPath());
  for (std::size_t i = 0; i < layer.size(); ++i) {
    std::string_view path = layer.path(i);
    // An opaque folder may be named by nothing else.
    std::string_view parent = layer.kind(i) == Kind::opaque ? path : path.substr(0, path.rfind('/'));
    if (parent == last) continue;
    last = parent;
    visit(RootedPath::clean(parent));
  }
  return out;
}

class Sealer {
 public:
  Sealer(const Dir& upper, const Toc& layer, const TreeView& below, const std::function<Dir(std::size_t)>& open_lower)
      : upper_(upper), layer_(layer), below_(below), open_lower_(open_lower) {}

  void copy_lower_links() {
    if (layer_.count_of(Kind::hard_link) == 0) return;
    for (const TocEntry& entry : layer_) {
      if (entry.kind != Kind::hard_link) continue;
      bool here = layer_.find(entry.link_to.str(), Kind::file) || layer_.find(entry.link_to.str(), Kind::hard_link);
      if (!here) copy_lower_link(entry);
    }
  }

  void finish_unnamed(const TreeView& merged) {
    std::vector<RootedPath> folders = unnamed_parents(layer_);
    for (std::size_t i = folders.size(); i-- > 0;) {
      const RootedPath& path = folders[i];
      auto there = below_.find(path);
      bool folder_below = there && there->meta.type == FileType::directory;
      if (!path.is_root() && !folder_below && !is_folder(merged, path)) {
        upper_.remove_tree(path.relative());
        continue;
      }
      FileMeta meta{.type = FileType::directory};
      if (folder_below) meta = there->meta;
      Dir dir = upper_.open_dir(path.relative());
      apply_metadata(dir.fd(), meta, path.str());
    }
  }

 private:
  static bool is_folder(const TreeView& tree, const RootedPath& path) {
    auto node = tree.find(path);
    return node && node->meta.type == FileType::directory;
  }

  void copy_lower_link(const TocEntry& link) {
    auto [first, is_first] = copied_.try_emplace(link.link_to, link.path);
    Dir parent = upper_.make_dirs(link.path.parent().relative(), 0755);
    FileTime parent_time = parent.stat(".").mtime;
    if (!is_first) {
      upper_.make_hard_link(first->second.relative(), link.path.relative());
    } else {
      auto node = below_.find(link.link_to);
      if (!node || node->meta.type == FileType::directory)
        throw_error(ErrorKind::input, "entry {}: a hard link to {}, which no layer below holds",
                    printable(link.path.str()), printable(link.link_to.str()));
      UpperWriter writer(parent.duplicate(), 0);
      RootedPath name = RootedPath().child(link.path.name());
      if (node->meta.type == FileType::regular) {
        copy_file(writer, name, *node);
      } else {
        writer.make_special(name, node->meta);
      }
    }
    if (!link.path.parent().is_root()) upper_.set_mtime(link.path.parent().relative(), parent_time);
  }

  void copy_file(UpperWriter& writer, const RootedPath& name, const TreeView::Node& node) {
    Dir lower = open_lower_(node.layer);
    FdSource from(lower.open_file(node.path.relative(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK), node.path.str());
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
    writer.begin_file(name, node.meta);
    while (std::size_t got = from.read({buffer.get(), kStreamBufferBytes})) writer.write({buffer.get(), got});
    writer.end_file();
  }

  const Dir& upper_;
  const Toc& layer_;
  const TreeView& below_;
  const std::function<Dir(std::size_t)>& open_lower_;
  std::map<RootedPath, RootedPath> copied_;
};

}  // namespace

void seal(const Dir& upper, const Toc& layer, const TreeView& below,
          const std::function<Dir(std::size_t)>& open_lower) {
  Sealer sealer(upper, layer, below, open_lower);
  sealer.copy_lower_links();
  // The layer's own table outlives this view of it.
  std::shared_ptr<const Toc> borrowed(std::shared_ptr<const Toc>(), &layer);
  sealer.finish_unnamed(below.with(borrowed));
}

}  // namespace imgb
