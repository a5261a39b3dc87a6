#include "layerfs/layer_pipeline.h"

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "layerfs/checksum.h"

namespace imgb {
namespace {

constexpr std::uint64_t kThreadsFromBytes = 1 << 20;

/// More than eight would be waiting for the one that hashes.
unsigned packers_of_this_machine() { return std::clamp(std::thread::hardware_concurrency(), 1u, 8u); }

}  // namespace

/// zstd's window does not reach over the end of a frame, and its higher levels live by it.
std::size_t LayerPipeline::segment_bytes(Compression compression) {
  return compression == Compression::zstd ? 4 << 20 : 1 << 20;
}

LayerPipeline::LayerPipeline(BlobStore& blobs, Compression compression, std::optional<int> level, std::stop_token stop,
                             unsigned packers)
    : compression_(compression),
      level_(level),
      packers_(packers > 0 ? packers : packers_of_this_machine()),
      window_(2 * packers_ + 4, segment_bytes(compression), std::move(stop)),
      blob_(blobs.create()) {
  make_compressor(compression, level);  // a level that does not exist is said before anything is read
  std::string head = stream_head(compression);
  if (!head.empty()) blob_->write(as_bytes(head));
  emitted_bytes_ = head.size();
}

LayerPipeline::~LayerPipeline() { window_.abort(); }

void LayerPipeline::throw_failure() {
  std::lock_guard hold(failure_mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

std::span<std::byte> LayerPipeline::space() {
  try {
    return {window_.filling().bytes.get() + in_segment_, segment_bytes(compression_) - in_segment_};
  } catch (const Error&) {
    throw_failure();  // why it was stopped
    throw;
  }
}

bool LayerPipeline::advance(std::size_t written_bytes) {
  size_bytes_ += written_bytes;
  in_segment_ += written_bytes;
  return in_segment_ == segment_bytes(compression_);
}

void LayerPipeline::cut(const std::optional<PackedPlace>& known) {
  Segment& segment = window_.filling();
  segment.length = std::exchange(in_segment_, 0);
  if (earlier_) segment.known = known;
  window_.publish();
  ++cuts_;
  if (threads_.empty() && (size_bytes_ >= kThreadsFromBytes || window_.is_full())) start_threads();
}

void LayerPipeline::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::span<std::byte> to = space();
    std::size_t count = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), count);
    if (advance(count)) cut();
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
      window_.abort();
    }
  });
}

void LayerPipeline::start_threads() {
  threads_.push_back(guarded([this] { hash(); }));
  for (unsigned i = 0; i < packers_; ++i) threads_.push_back(guarded([this] { pack(); }));
}

void LayerPipeline::hash() {
  while (const Segment* segment = window_.next_to_hash()) hasher_.update(segment->raw());
}

void LayerPipeline::pack() {
  std::unique_ptr<Compressor> compressor = make_compressor(compression_, level_);
  std::optional<bool> trusted;
  while (Segment* segment = window_.next_to_pack()) {
    segment->crc = crc32(segment->raw());
    if (!segment->known || !take_known(*segment, *compressor, trusted))
      segment->packed = compressor->compress(segment->raw(), segment->room);
    segment->packed_crc = crc32(segment->packed);
    window_.packed(*segment, [this](Segment& next) { emit(next); });
  }
}

/// False when the earlier blob does not help: it is damaged, or its compressor was another one.
bool LayerPipeline::take_known(Segment& segment, Compressor& compressor, std::optional<bool>& trusted) {
  const PackedPlace& place = *segment.known;
  if (place.raw_crc != segment.crc || trusted == false) return false;
  if (segment.room.size() < place.size_bytes) segment.room.resize(place.size_bytes);
  std::span<std::byte> packed = std::span(segment.room).first(place.size_bytes);
  for (std::size_t done = 0; done < packed.size();) {
    std::size_t got = read_at(earlier_, packed.subspan(done), place.offset + done, "an earlier layer");
    if (got == 0) return false;
    done += got;
  }
  if (crc32(packed) != place.packed_crc) return false;
  if (!trusted) {
    std::vector<std::byte> room;
    std::span<const std::byte> anew = compressor.compress(segment.raw(), room);
    trusted = std::ranges::equal(anew, packed);
    if (!*trusted) return false;
  }
  segment.packed = packed;
  ++reused_;
  return true;
}

void LayerPipeline::emit(Segment& segment) {
  blob_->write(segment.packed);
  segments_.push_back({.offset = emitted_bytes_,
                       .size_bytes = static_cast<std::uint32_t>(segment.packed.size()),
                       .packed_crc = segment.packed_crc,
                       .raw_crc = segment.crc});
  emitted_bytes_ += segment.packed.size();
  crc_ = join_crc32(crc_, segment.crc, segment.length);
}

LayerPipeline::Result LayerPipeline::finish() {
  if (in_segment_ > 0 || cuts_ == 0) cut();
  window_.close();
  if (threads_.empty()) {
    hash();
    pack();
  }
  threads_.clear();
  throw_failure();
  std::string tail = stream_tail(compression_, crc_, size_bytes_);
  if (!tail.empty()) blob_->write(as_bytes(tail));
  return {hasher_.finish(), blob_->commit(std::string(oci_layer_type(compression_))), std::move(segments_), reused_};
}

}  // namespace imgb
