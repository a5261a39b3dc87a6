#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "layerfs/layer_pipeline.h"
#include "layerfs/segment_table.h"

namespace imgb {

/// Cuts a layer's tar into segments, and knows them again.
///
/// With gzip a segment ends before an entry when it holds at least 64 KiB and the entry's name says so (CRC-32 of the
/// path divisible by 32), or when this entry or the one before has 256 KiB or more of data; and after 1 MiB. So what a
/// change to one file moves is soon over, and the segments before and behind it are those of the layer before. Other
/// compressions cut at their full size alone. The rule is part of the format of layers: it decides the blob's bytes.
class SegmentWriter {
 public:
  /// Borrows the pipeline.
  SegmentWriter(LayerPipeline& pipeline, Compression compression)
      : pipeline_(pipeline), cuts_at_entries_(compression == Compression::gzip) {}

  /// Takes compressed segments from `blob` where `table` has them. Before the first entry.
  void reuse(SegmentTable table, Fd blob);

  void begin_entry(std::string_view path, std::uint64_t data_bytes);
  void write(std::span<const std::byte> bytes);  ///< Headers, padding, end.
  /// A file's data. `claimed`: the digest that the caller will see to that the data have.
  void begin_data(const std::optional<Digest>& claimed);
  std::span<std::byte> space();
  void advance(std::size_t written_bytes);
  void end_data(const Digest& content);

  /// Ends the last segment, and the layer.
  LayerPipeline::Result finish();
  SegmentTable table() const;  ///< After finish().

 private:
  void cut();
  void append_bytes(std::string_view bytes);

  /// What a segment's bytes follow from. A segment that ends within a file whose digest is not known yet waits for it.
  struct Recipe {
    std::string text;
    std::uint64_t run_from = 0, run_bytes = 0;  ///< The part of a file at its end, when `open`.
    bool open = false;
  };
  static void close_run(Recipe& recipe, const Digest& content);

  LayerPipeline& pipeline_;
  const bool cuts_at_entries_;
  std::optional<SegmentTable> earlier_;
  Recipe now_;
  bool after_large_ = false;
  std::optional<Digest> claimed_;
  std::uint64_t data_at_ = 0;  ///< Within the file.
  std::vector<std::pair<std::size_t, Recipe>> waiting_;
  std::vector<std::optional<Digest>> keys_;  ///< By segment.
  std::vector<PackedPlace> places_;
};

}  // namespace imgb
