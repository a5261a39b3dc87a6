#pragma once
#include <memory>
#include <optional>
#include <stop_token>

#include "core/store/store.h"
#include "layerfs/toc.h"

namespace imgb {

struct LayerOptions {
  Compression compression = Compression::gzip;
  std::optional<int> level;              ///< Codec's own scale; unset: our default (fast).
  std::optional<Nanoseconds> max_mtime;  ///< SOURCE_DATE_EPOCH: later times are clamped to it.
};

/// Writes one layer in one pass: entries -> canonical tar -> {SHA-256 -> DiffId, compressor -> {SHA-256, blob file}},
/// and its table of contents. Hashing and compressing run on threads of their own; memory is constant.
///
/// Canonical tar: the caller gives entries in ascending order of path bytes; ustar headers, PAX only where ustar cannot
/// say it, numeric owners, no names, whole seconds. Equal entries give equal bytes on every machine. Folders that are
/// only parents need not be given.
class LayerWriter {
 public:
  LayerWriter(Store& store, LayerOptions options, std::stop_token stop);
  ~LayerWriter();  ///< Unfinished: nothing is left.

  /// Adds one entry; `data` (regular files only) must yield exactly meta.size_bytes, else Error(input): the file
  /// changed while it was read. Fills in the entry's data_offset and content. Error(internal) when out of order.
  void add(TocEntry entry, Source* data = nullptr);
  /// Commits the blob and the table of contents.
  Layer finish();
  const Toc& toc() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
