#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/dir.h"
#include "core/base/rooted_path.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// A name that a step may have changed.
struct ListedName {
  std::string name;
  FileType type = FileType::regular;
  bool removed = false;  ///< The layers below have it, and the step took it away.
};

/// Where to look for what a step changed: an upper folder of overlayfs (UpperChanges), or a whole tree (TreeChanges).
/// Says names alone; whether something is different there, and how, is the reader's to find out (upper_reader.h), so
/// that a layer is the same however the step ran.
class ChangeSource {
 public:
  virtual ~ChangeSource() = default;
  /// Of the folder `dir` at `path`, ascending by bytes. `hides`: nothing of the layers below shows in it. `there` may
  /// be moved.
  virtual std::vector<ListedName> list(const Dir& dir, const RootedPath& path, bool hides,
                                       TreeView::Descent& there) const = 0;
  /// A file with several names got one of them from the step.
  virtual bool got_name(const FileStat& file) const = 0;
  /// A file with several names below may have been copied for each of them that the step touched.
  virtual bool splits_links() const { return false; }
};

/// What was copied up, made and taken away. Whiteouts are character devices 0:0.
class UpperChanges : public ChangeSource {
 public:
  std::vector<ListedName> list(const Dir& dir, const RootedPath& path, bool hides,
                               TreeView::Descent& there) const override;
  bool got_name(const FileStat&) const override { return true; }  // overlayfs copies each name by itself
  bool splits_links() const override { return true; }
};

}  // namespace imgb
