#include "layerfs/seal.h"

#include <fcntl.h>

#include <map>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/text.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {

using Kind = TocEntry::Kind;

class Sealer {
 public:
  Sealer(const Dir& upper, const Toc& layer, const TreeView& below, const std::function<Dir(std::size_t)>& open_lower)
      : upper_(upper), layer_(layer), below_(below), below_there_(below), open_lower_(open_lower) {}

  void copy_lower_links() {
    if (layer_.count_of(Kind::hard_link) == 0) return;
    for (const TocEntry& entry : layer_) {
      if (entry.kind != Kind::hard_link) continue;
      bool here = layer_.find(entry.link_to.str(), Kind::file) || layer_.find(entry.link_to.str(), Kind::hard_link);
      if (!here) copy_lower_link(entry);
    }
  }

  /// Entries come in the order of their paths, so all that lies in one folder comes together. A folder is finished when
  /// it is left: those in it come before it, for they change its time.
  void finish_unnamed() {
    std::string_view at;               // the folder that is being gone through; "" is the root
    std::vector<bool> adds = {false};  // for the root and all on the way to it: something comes to be there
    auto leave = [&] {
      finish(at.empty() ? "/" : at, adds.back());
      at = at.substr(0, at.rfind('/'));
      bool added = adds.back();
      adds.pop_back();
      if (added) adds.back() = true;
    };
    for (std::size_t i = 0; i < layer_.size(); ++i) {
      std::string_view path = layer_.path(i);
      // An opaque folder may be named by nothing else.
      bool is_place = layer_.kind(i) == Kind::opaque && path != "/";
      std::string_view folder = is_place ? path : path.substr(0, path.rfind('/'));
      while (!folder.starts_with(at) || (folder.size() > at.size() && folder[at.size()] != '/')) leave();
      while (at.size() < folder.size()) {
        at = folder.substr(0, folder.find('/', at.size() + 1));
        adds.push_back(false);
      }
      if (layer_.kind(i) != Kind::removed) adds.back() = true;
    }
    while (!at.empty()) leave();
    finish("/", true);
  }

 private:
  void finish(std::string_view folder, bool adds) {
    if (layer_.find(folder, Kind::file)) return;
    RootedPath path = RootedPath::parse_strict(folder);
    below_there_.go_to(path);
    auto there = below_there_.node();
    bool folder_below = there && there->meta.type == FileType::directory;
    if (!folder_below && !adds && !layer_.find(folder, Kind::opaque)) return remove(path);
    FileMeta meta{.type = FileType::directory};
    if (folder_below) meta = there->meta;
    Dir dir = upper_.open_dir(path.relative());
    apply_metadata(dir.fd(), meta, path.str());
  }

  void remove(const RootedPath& path) {
    FileTime parent_time = upper_.stat(path.parent().relative()).mtime;
    upper_.remove_tree(path.relative());
    upper_.set_mtime(path.parent().relative(), parent_time);
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
    upper_.set_mtime(link.path.parent().relative(), parent_time);
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
  TreeView::Descent below_there_;
  const std::function<Dir(std::size_t)>& open_lower_;
  std::map<RootedPath, RootedPath> copied_;
};

}  // namespace

void seal(const Dir& upper, const Toc& layer, const TreeView& below,
          const std::function<Dir(std::size_t)>& open_lower) {
  Sealer sealer(upper, layer, below, open_lower);
  sealer.copy_lower_links();
  sealer.finish_unnamed();
}

}  // namespace imgb
