#pragma once
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/base/stream.h"
#include "core/store/store.h"
#include "layerfs/snapshot_store.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// The bytes of files of a stack of layers, for copying some of them out. When the stack is unpacked they come from
/// there; else each layer's blob that holds some is read through once, up to the last byte that is wanted, and only the
/// wanted bytes are kept in a file without a name. Nothing is unpacked for it. Not shared between threads.
class StackFiles {
 public:
  /// The layers' blobs must be in the store (LayerNeed::contents). Borrows store and snapshots.
  StackFiles(Store& store, SnapshotStore& snapshots, std::vector<Layer> layers, std::stop_token stop)
      : store_(store), snapshots_(snapshots), layers_(std::move(layers)), stop_(std::move(stop)) {}

  /// A run of bytes in the uncompressed tar of one layer.
  struct Range {
    std::size_t layer = 0;
    std::uint64_t offset = 0, size_bytes = 0;
    friend auto operator<=>(const Range&, const Range&) = default;
  };
  static Range range_of(const TreeView::Node& node) {
    return {node.data_layer, node.data_offset, node.meta.size_bytes};
  }

  /// Says what open() will be asked for. Call once, before the first open().
  void prepare(std::vector<Range> wanted);
  /// `node` of the TreeView of these layers; a regular file.
  std::unique_ptr<Source> open(const TreeView::Node& node);
  std::unique_ptr<Source> open(const Range& range);

 private:
  void spool_layer(std::size_t layer, std::span<const Range> wanted);

  Store& store_;
  SnapshotStore& snapshots_;
  std::vector<Layer> layers_;
  std::stop_token stop_;
  std::vector<std::string> unpacked_;  ///< Folder names, when the stack is unpacked.
  Fd spool_;
  std::uint64_t spool_size_ = 0;
  std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t> spooled_;  ///< (layer, offset) -> place in spool_
};

}  // namespace imgb
