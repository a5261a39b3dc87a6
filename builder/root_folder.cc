#include "builder/root_folder.h"

#include <fcntl.h>

#include <cerrno>
#include <map>

#include "core/base/error.h"
#include "core/base/sparse_file.h"
#include "core/base/text.h"

namespace imgb {
namespace {

bool is_refusal(const SystemError& e) {
  return e.errno_value() == EPERM || e.errno_value() == EINVAL || e.errno_value() == ENOTSUP;
}

class TreeWriter {
 public:
  TreeWriter(const OpenNode& open, const Dir& into, std::optional<Nanoseconds> max_mtime)
      : open_(open), into_(into), max_mtime_(max_mtime) {}

  void write(const TreeView::Node& node, std::string_view at) {
    if (node.meta.type == FileType::directory) {
      if (!is_folder(at)) replace(at, [&] { into_.make_dir(at, 0700); });
      return;  // its metadata comes last: writing into it changes its time, and it may be read-only
    }
    if (node.link_group) {
      auto [group, is_new] = groups_.try_emplace(node.link_group, at);
      if (!is_new) {
        const std::string& first = group->second;
        replace(at, [&] { into_.make_hard_link(first, at); });
        return;
      }
    }
    if (make(node, at)) dress(node.meta, at);
  }

  void dress(const FileMeta& meta, std::string_view at) {
    try {
      into_.set_owner(at, meta.uid, meta.gid);
    } catch (const SystemError& e) {
      if (!is_refusal(e)) throw;  // an ordinary user owns what he writes
    }
    // Before the mode, which may forbid it to whoever is not root.
    for (const auto& [key, value] : meta.xattrs) {
      try {
        into_.set_xattr(at, key, value);
      } catch (const SystemError& e) {
        if (!is_refusal(e)) throw;
      }
    }
    if (meta.type != FileType::symlink) into_.set_mode(at, meta.mode);  // after chown, which clears setuid
    into_.set_mtime(at, max_mtime_ ? std::min(meta.mtime, *max_mtime_) : meta.mtime);
  }

 private:
  bool is_folder(std::string_view at) const {
    auto there = into_.find_stat(at);
    return there && there->type == FileType::directory;
  }

  template <class Make>
  void replace(std::string_view at, Make create) {
    try {
      create();
    } catch (const SystemError& e) {
      if (e.errno_value() != EEXIST) throw;
      into_.remove_tree(at);
      create();
    }
  }

  /// False when the caller may not make such a thing.
  bool make(const TreeView::Node& node, std::string_view at) {
    switch (node.meta.type) {
      case FileType::regular: {
        Fd fd;
        replace(at, [&] { fd = into_.open_file(at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600); });
        SparseFile file(std::move(fd), std::string(at));
        copy(*open_(node), file);
        file.finish();
        return true;
      }
      case FileType::symlink:
        replace(at, [&] { into_.make_symlink(node.meta.link_target, at); });
        return true;
      case FileType::socket:
      case FileType::directory:
        return false;
      default:
        try {
          replace(at, [&] { into_.make_node(at, node.meta.type, 0600, node.meta.rdev); });
        } catch (const SystemError& e) {
          if (!is_refusal(e)) throw;
          return false;
        }
        return true;
    }
  }

  const OpenNode& open_;
  const Dir& into_;
  std::optional<Nanoseconds> max_mtime_;
  std::map<std::uint64_t, std::string> groups_;
};

}  // namespace

void write_tree(const CopyItem& item, const OpenNode& open, const Dir& into, std::optional<Nanoseconds> max_mtime) {
  TreeWriter writer(open, into, max_mtime);
  if (!item.is_folder()) {
    writer.write(item.nodes.front(), item.name);
    return;
  }
  std::size_t prefix = item.root.is_root() ? 1 : item.root.str().size() + 1;
  auto place = [&](const TreeView::Node& node) { return std::string_view(node.path.str()).substr(prefix); };
  for (std::size_t i = 1; i < item.nodes.size(); ++i) {
    in_context([&] { return printable(item.nodes[i].path.str()); },
               [&] { writer.write(item.nodes[i], place(item.nodes[i])); });
  }
  for (std::size_t i = item.nodes.size(); i-- > 1;) {
    const TreeView::Node& node = item.nodes[i];
    if (node.meta.type == FileType::directory) writer.dress(node.meta, place(node));
  }
}

}  // namespace imgb
