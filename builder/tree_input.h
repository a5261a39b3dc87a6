#pragma once
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "builder/copy_selection.h"
#include "builder/ingredients.h"
#include "builder/stack_files.h"
#include "builder/step_services.h"

namespace imgb {

/// What one step reads from another tree: opened for the step, not shared between threads. A folder of the host or a
/// stack of layers; nothing for an empty context.
class TreeInput {
 public:
  /// `files`: what the input shows when it is no folder of the host.
  TreeInput(StepServices& services, const Input& input, const FileSystem& files, Activity& activity,
            std::stop_token stop);

  const CopyTree& tree() const { return tree_ ? *tree_ : *all_; }
  bool is_folder() const { return folder_.has_value(); }

  /// Bytes of all files, and of those whose digest is not known yet.
  struct Unknown {
    std::uint64_t bytes = 0, all_bytes = 0;
  };
  Unknown unknown_in(const std::vector<CopyItem>& items) const;
  /// Reads what is unknown.
  void hash_unknown(std::vector<CopyItem>& items) const;

  /// Call before opening: the files that will be copied.
  void prepare(const std::vector<const TreeView::Node*>& wanted);
  std::unique_ptr<Source> open(const TreeView::Node& node);
  /// The digest of the opened file need not be computed: close() will throw when it no longer holds.
  bool vouches_for_open_file() const { return open_file_ && open_file_->is_known; }
  /// After the bytes of the opened file went into the layer as `place`: checks that the file stayed as it was.
  void close(const TreeView::Node& node, const RootedPath& place);
  /// When the layer is known: remembers the digests of the files that were read since the last call.
  void remember(const Toc& written);
  /// Instead of close(): all of it was read, and was this. Error(input) when another content was known (V41).
  void learn(TreeView::Node& node, const Digest& content);

 private:
  StepServices& services_;
  std::unique_ptr<CopyTree> all_;
  std::unique_ptr<CopyTree> tree_;  ///< all_ without what is ignored; null when nothing is.
  std::optional<FolderTree> folder_;
  std::optional<StackFiles> stack_;
  std::optional<FolderTree::Opened> open_file_;
  struct Read {
    const TreeView::Node* node;
    FileStat stat;
    RootedPath place;
  };
  std::vector<Read> read_;
  std::stop_token stop_;
};

/// Adds what counts of the items for a key: path, type, mode, owner, size, content, link target, attributes of each
/// file, never times. Contents must be known. Without `modes`, permissions do not count: --chmod replaces them.
void add_items(Ingredients& key, std::span<const CopyItem> items, bool modes = true);
/// The same of one item that is mounted, and not copied: a folder itself counts too.
void add_mounted(Ingredients& key, const CopyItem& item, std::string_view prefix = {});

}  // namespace imgb
