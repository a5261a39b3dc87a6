#pragma once
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/store/blob_store.h"
#include "layerfs/broadcast_ring.h"
#include "layerfs/codec.h"

namespace imgb {

/// The bytes of one layer tar on their way to a blob: tar -> {SHA-256, compressor -> blob}. The caller fills buffers in
/// place; hashing and compressing run on threads of their own, which start when the first buffer is full, so that a
/// small layer costs none. Eight buffers of 1 MiB bound the memory.
class LayerPipeline {
 public:
  LayerPipeline(BlobStore& blobs, Compression compression, std::optional<int> level, std::stop_token stop);
  ~LayerPipeline();

  std::span<std::byte> space() { return ring_.space(); }
  void advance(std::size_t written_bytes);
  void write(std::span<const std::byte> bytes);
  std::uint64_t size_bytes() const { return size_bytes_; }

  struct Result {
    Digest diff_id;
    Descriptor blob;
  };
  Result finish();  ///< Commits the blob. Once, last. Throws what a thread met.

 private:
  void start_threads();
  void hash();
  void compress();
  template <class Work>
  std::jthread guarded(Work work);

  Compression compression_;
  BroadcastRing ring_;
  Hasher hasher_;
  std::unique_ptr<BlobWriter> blob_;
  std::unique_ptr<Compressor> compressor_;
  std::uint64_t size_bytes_ = 0;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: joined before what they use is gone
};

}  // namespace imgb
