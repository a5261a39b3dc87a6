#include "layerfs/layer_pipeline.h"

#include "core/base/error.h"

namespace imgb {
namespace {
constexpr std::size_t kBuffers = 8;
constexpr std::size_t kBufferBytes = 1 << 20;
constexpr unsigned kHashReader = 0, kCompressReader = 1, kReaders = 2;
}  // namespace

LayerPipeline::LayerPipeline(BlobStore& blobs, Compression compression, std::optional<int> level, std::stop_token stop)
    : compression_(compression),
      ring_(kBuffers, kBufferBytes, kReaders, std::move(stop)),
      blob_(blobs.create()),
      compressor_(make_compressor(compression, level, *blob_)) {}

LayerPipeline::~LayerPipeline() { ring_.abort(); }

void LayerPipeline::advance(std::size_t written_bytes) {
  size_bytes_ += written_bytes;
  ring_.advance(written_bytes);
  if (threads_.empty() && ring_.has_full_buffer()) start_threads();
}

void LayerPipeline::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::span<std::byte> to = space();
    std::size_t count = std::min(to.size(), bytes.size());
    std::copy_n(bytes.begin(), count, to.begin());
    advance(count);
    bytes = bytes.subspan(count);
  }
}

/// A thread whose failure is kept and stops the others.
template <class Work>
std::jthread LayerPipeline::guarded(Work work) {
  return std::jthread([this, work] {
    try {
      work();
    } catch (...) {
      {
        std::lock_guard hold(failure_mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
      ring_.abort();
    }
  });
}

void LayerPipeline::start_threads() {
  threads_.push_back(guarded([this] { hash(); }));
  threads_.push_back(guarded([this] { compress(); }));
}

void LayerPipeline::hash() {
  for (auto bytes = ring_.next(kHashReader); !bytes.empty(); bytes = ring_.next(kHashReader)) hasher_.update(bytes);
}

void LayerPipeline::compress() {
  for (auto bytes = ring_.next(kCompressReader); !bytes.empty(); bytes = ring_.next(kCompressReader))
    compressor_->write(bytes);
  compressor_->finish();
}

LayerPipeline::Result LayerPipeline::finish() {
  ring_.close();
  if (threads_.empty()) {
    hash();
    compress();
  }
  threads_.clear();
  if (failure_) std::rethrow_exception(failure_);
  return {hasher_.finish(), blob_->commit(std::string(oci_layer_type(compression_)))};
}

}  // namespace imgb
