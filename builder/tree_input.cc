#include "builder/tree_input.h"

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::string_view type_name(FileType type) {
  switch (type) {
    case FileType::regular:
      return "file";
    case FileType::directory:
      return "folder";
    case FileType::symlink:
      return "link";
    case FileType::character_device:
      return "character-device";
    case FileType::block_device:
      return "block-device";
    case FileType::fifo:
      return "fifo";
    case FileType::socket:
      return "socket";
  }
  return "file";
}

std::string digest_of(const Xattrs& xattrs) {
  if (xattrs.empty()) return {};
  Ingredients all;
  for (const auto& [key, value] : xattrs) all.add(key, value);
  return all.key().hex();
}

std::string content_of(const TreeView::Node& node) {
  switch (node.meta.type) {
    case FileType::regular:
      if (!node.content) throw_error(ErrorKind::internal, "{} has no digest", node.path.str());
      return node.content->hex();
    case FileType::symlink:
      return node.meta.link_target;
    case FileType::character_device:
    case FileType::block_device:
      return std::to_string(node.meta.rdev);
    default:
      return {};
  }
}

/// FdSource keeps its descriptor; this one borrows, since the file is looked at again after the last byte.
class BorrowedFdSource : public Source {
 public:
  BorrowedFdSource(const Fd& fd, std::string what) : fd_(fd), what_(std::move(what)) {}
  std::size_t read(std::span<std::byte> into) override { return read_some(fd_, into, what_); }

 private:
  const Fd& fd_;
  std::string what_;
};

/// A context without anything in it.
class NoFiles : public CopyTree {
 public:
  std::optional<Entry> find(const RootedPath& path) const override {
    if (!path.is_root()) return std::nullopt;
    Entry root;
    root.node.meta.type = FileType::directory;
    return root;
  }
  std::vector<Entry> children(const RootedPath&) const override { return {}; }
};

void add_node(Ingredients& key, const TreeView::Node& node, std::string_view prefix, bool modes) {
  std::string_view path = node.path.is_root() ? "." : node.path.relative();
  bool sized = node.meta.type == FileType::regular;
  key.add(fmt::format("file {}{}", prefix, path),
          render(FileIngredient{.type = std::string(type_name(node.meta.type)),
                                .mode = modes || node.meta.type == FileType::symlink ? node.meta.mode : 0,
                                .uid = node.meta.uid,
                                .gid = node.meta.gid,
                                .size_bytes = sized ? node.meta.size_bytes : 0,
                                .content = content_of(node),
                                .xattrs = digest_of(node.meta.xattrs)}));
}

}  // namespace

TreeInput::TreeInput(StepServices& services, const Input& input, const FileSystem& files, Activity& activity,
                     std::stop_token stop)
    : services_(services), stop_(std::move(stop)) {
  const auto* context = std::get_if<ContextInput>(&input);
  if (OpenContext* folder = context ? services.find_folder(*context) : nullptr) {
    folder_.emplace(folder->tree());
    all_ = std::make_unique<FolderTree>(folder->tree());
  } else if (files.layers.empty()) {
    all_ = std::make_unique<NoFiles>();
  } else {
    all_ = std::make_unique<LayerCopyTree>(services.view(files, activity, stop_));
    stack_.emplace(services.tools.store, services.tools.snapshots, files.layers, stop_);
  }
  const IgnoreMatcher* ignore = context ? services.find_ignore(*context) : nullptr;
  if (ignore && !ignore->empty()) tree_ = std::make_unique<IgnoringTree>(*all_, *ignore);
}

TreeInput::Unknown TreeInput::unknown_in(const std::vector<CopyItem>& items) const {
  Unknown unknown;
  for (const CopyItem& item : items) {
    for (const TreeView::Node& node : item.nodes) {
      if (node.meta.type != FileType::regular) continue;
      unknown.all_bytes += node.meta.size_bytes;
      if (node.content) continue;
      unknown.bytes += node.meta.size_bytes;
    }
  }
  return unknown;
}

void TreeInput::hash_unknown(std::vector<CopyItem>& items) const {
  for (CopyItem& item : items) {
    for (TreeView::Node& node : item.nodes) {
      if (node.meta.type != FileType::regular || node.content) continue;
      throw_if_stopped(stop_);
      node.content = folder_.value().hash(node, services_.request.now, stop_);
    }
  }
}

void TreeInput::prepare(const std::vector<const TreeView::Node*>& wanted) {
  if (!stack_) return;
  std::vector<StackFiles::Range> ranges;
  for (const TreeView::Node* node : wanted) ranges.push_back(StackFiles::range_of(*node));
  stack_->prepare(std::move(ranges));
}

std::unique_ptr<Source> TreeInput::open(const TreeView::Node& node) {
  throw_if_stopped(stop_);
  if (stack_) return stack_->open(node);
  open_file_ = folder_.value().open(node);
  return std::make_unique<BorrowedFdSource>(open_file_->fd, node.path.str());
}

void TreeInput::close(const TreeView::Node& node, const RootedPath& place) {
  if (!open_file_) return;
  folder_->check_unchanged(node, *open_file_);
  if (!node.content) read_.push_back({&node, open_file_->stat, place});
  open_file_.reset();
}

void TreeInput::learn(TreeView::Node& node, const Digest& content) {
  if (node.content && *node.content != content) {
    throw_error(ErrorKind::input, "{} changed while the build read it", printable(node.path.str()));
  }
  node.content = content;
  if (!open_file_) return;
  folder_->check_unchanged(node, *open_file_);
  folder_->remember(node, open_file_->stat, content, services_.request.now);
  open_file_.reset();
}

void TreeInput::remember(const Toc& written) {
  for (const Read& read : read_) {
    auto entry = written.find(read.place.str(), TocEntry::Kind::file);
    if (entry) folder_->remember(*read.node, read.stat, written[*entry].content.value(), services_.request.now);
  }
  read_.clear();
}

void add_items(Ingredients& key, std::span<const CopyItem> items, bool modes) {
  for (const CopyItem& item : items) {
    key.add("item", item.is_folder() ? "folder" : "file " + item.name);
    // A folder whose content is copied does not itself count.
    for (const TreeView::Node& node : std::span(item.nodes).subspan(item.is_folder() ? 1 : 0)) {
      add_node(key, node, {}, modes);
    }
  }
}

void add_mounted(Ingredients& key, const CopyItem& item, std::string_view prefix) {
  for (const TreeView::Node& node : item.nodes) add_node(key, node, prefix, true);
}

}  // namespace imgb
