#pragma once
#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/store/blob_store.h"
#include "layerfs/codec.h"
#include "layerfs/segment_window.h"

namespace imgb {

/// The bytes of one layer tar on their way to a blob: tar -> {SHA-256, compressor -> blob}. The caller fills segments
/// in place and says where they end; hashing and compressing run on threads of their own, which start when there is a
/// megabyte to be worked on, so that a small layer costs none. Segments are compressed side by side and written in
/// order: the bytes do not depend on how many do it. Memory is bounded by the segments, of which there are two per
/// thread and a few.
class LayerPipeline {
 public:
  /// `packers`: how many threads compress; 0: as many as there are cores.
  LayerPipeline(BlobStore& blobs, Compression compression, std::optional<int> level, std::stop_token stop,
                unsigned packers = 0);
  ~LayerPipeline();

  static std::size_t segment_bytes(Compression compression);  ///< The most that one holds.

  /// The free rest of the present segment, never empty. Throws what a thread met.
  std::span<std::byte> space();
  /// True when the segment is now full: it must be cut before the next space().
  bool advance(std::size_t written_bytes);
  /// Bytes in the present segment.
  std::size_t in_segment() const { return in_segment_; }
  /// Ends the present segment. `known`: where a blob given to `reuse` has it compressed.
  void cut(const std::optional<PackedPlace>& known = {});
  /// For writers to whom it is all the same where segments end: they do when they are full.
  void write(std::span<const std::byte> bytes);
  std::uint64_t size_bytes() const { return size_bytes_; }

  /// An earlier blob that holds some of the segments. Each thread first compresses one itself and compares, so that a
  /// library that now compresses otherwise is noticed: equal entries give equal blobs. Call before the first cut.
  void reuse(Fd blob) { earlier_ = std::move(blob); }

  struct Result {
    Digest diff_id;
    Descriptor blob;
    std::vector<PackedPlace> segments;  ///< In order.
    std::size_t reused = 0;             ///< How many of them were copied from the earlier blob.
  };
  Result finish();  ///< Commits the blob. Once, last. Throws what a thread met.

 private:
  void start_threads();
  void hash();
  void pack();
  bool take_known(Segment& segment, Compressor& compressor, std::optional<bool>& trusted);
  void emit(Segment& segment);
  void throw_failure();
  template <class Work>
  std::jthread guarded(Work work);

  const Compression compression_;
  const std::optional<int> level_;
  const unsigned packers_;
  SegmentWindow window_;
  Hasher hasher_;
  std::unique_ptr<BlobWriter> blob_;
  Fd earlier_;
  std::size_t in_segment_ = 0;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t cuts_ = 0;
  // Written by whoever emits, one at a time.
  std::uint64_t emitted_bytes_ = 0;
  std::uint32_t crc_ = 0;
  std::vector<PackedPlace> segments_;
  std::atomic<std::size_t> reused_ = 0;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: joined before what they use is gone
};

}  // namespace imgb
