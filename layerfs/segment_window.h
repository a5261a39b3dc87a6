#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace imgb {

/// Where a segment's compressed form lies in an earlier blob, and the CRCs of both forms.
struct PackedPlace {
  std::uint64_t offset = 0;
  std::uint32_t size_bytes = 0, packed_crc = 0, raw_crc = 0;
};

/// One segment of a stream on its way to a blob.
struct Segment {
  std::unique_ptr<std::byte[]> bytes;  ///< Filled up to `length`.
  std::size_t length = 0;
  std::optional<PackedPlace> known;   ///< It was compressed before.
  std::span<const std::byte> packed;  ///< Its compressed form, in `room` or `bytes`.
  std::uint32_t crc = 0, packed_crc = 0;
  std::vector<std::byte> room;
  std::span<const std::byte> raw() const { return {bytes.get(), length}; }
};

/// A bounded row of segments between one thread that fills them, one that hashes them in order, and several that
/// compress them in any order and hand them on in order. Nothing is copied. Segments cost memory when they are first
/// used. Waiting throws Error(cancelled) when stopped or aborted.
class SegmentWindow {
 public:
  SegmentWindow(std::size_t segments, std::size_t segment_bytes, std::stop_token stop);

  // --- the one that fills ---
  Segment& filling();  ///< Waits until one is free; the same until `publish`.
  void publish();
  void close();  ///< Nothing more comes.
  bool is_full() const { return filled_ - released_by_all() == segments_.size(); }

  // --- the one that hashes ---
  const Segment* next_to_hash();  ///< Gives back the one before. nullptr: that was all.

  // --- those that compress ---
  Segment* next_to_pack();  ///< nullptr: that was all.
  /// `emit` gets this and all before it that have not been handed on, in order, as soon as that can be; one call at a
  /// time, without the lock.
  void packed(Segment& segment, const std::function<void(Segment&)>& emit);

  void abort() noexcept;  ///< Whoever waits or comes to wait throws.

 private:
  std::uint64_t released_by_all() const { return std::min(hashed_, emitted_); }
  template <class Ready>
  void wait(std::unique_lock<std::mutex>& hold, Ready ready);
  Segment& at(std::uint64_t number) { return segments_[number % segments_.size()]; }

  const std::size_t segment_bytes_;
  std::vector<Segment> segments_;
  std::vector<bool> done_;  ///< Per place: compressed, not yet handed on.
  std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  /// How many segments have been ...
  std::uint64_t filled_ = 0, hashed_ = 0, taken_ = 0, emitted_ = 0;
  bool owned_ = false, hashing_ = false, emitting_ = false, closed_ = false, aborted_ = false;
};

}  // namespace imgb
