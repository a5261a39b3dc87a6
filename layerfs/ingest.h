#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/store.h"
#include "layerfs/toc.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// Streams one layer blob, compressed as its descriptor says, from its first byte to its last into the sink, or throws.
/// Called once per layer, from several threads at once. A blob of the store reads its file; a remote one downloads,
/// keeps and hands on the bytes in the same pass.
using StreamBlob = std::function<void(const Descriptor& blob, Sink& into)>;
StreamBlob stream_from(const BlobStore& blobs);

struct IngestLimits {
  std::uint64_t max_layer_bytes = 1ULL << 40;       ///< Uncompressed.
  std::uint64_t max_entries = 2'000'000;            ///< Some 150 bytes of memory each, and their names.
  std::uint64_t disk_reserve_bytes = 256ULL << 20;  ///< Stop with a clear error when less than this is left free.
};

/// Reads a layer's bytes (hostile) in a confined child: checks its DiffId, makes its table of contents and keeps it in
/// ROOT/tocs. Does nothing when the table of contents is there already. The child is this program called with the
/// hidden command of layerfs/ingest_child.h, so main() has to know it. Errors: corrupt (bytes, DiffId), input (a tar
/// that no image may hold: V1-V27, names layer, entry and reason), unavailable (disk reserve), system; what `stream`
/// throws passes through.
Layer scan_layer(Store& store, const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                 const IngestLimits& limits, std::stop_token stop);

/// The table of contents of a layer of the store; made from the blob when it is missing.
std::shared_ptr<const Toc> toc_of(Store& store, const Layer& layer, std::stop_token stop);

/// One regular file's bytes out of a layer's blob (node.data_layer of the stack); at most `max_bytes`. They are what
/// the table of contents says they are, or Error(corrupt).
std::string read_from_layer(Store& store, const Layer& layer, const TreeView::Node& file, std::uint64_t max_bytes);

}  // namespace imgb
