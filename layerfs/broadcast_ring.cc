#include "layerfs/broadcast_ring.h"

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace imgb {

BroadcastRing::BroadcastRing(std::size_t buffers, std::size_t buffer_bytes, unsigned readers, std::stop_token stop)
    : buffer_bytes_(buffer_bytes), buffers_(buffers), released_(readers), holding_(readers), stop_(std::move(stop)) {}

std::uint64_t BroadcastRing::slowest() const { return *std::ranges::min_element(released_); }

std::span<std::byte> BroadcastRing::space() {
  Buffer& buffer = buffers_[filled_ % buffers_.size()];
  if (!owned_) {
    std::unique_lock hold(mutex_);
    bool free = changed_.wait(hold, stop_, [&] { return aborted_ || filled_ - slowest() < buffers_.size(); });
    if (!free || aborted_) throw_error(ErrorKind::cancelled, "stopped");
    owned_ = true;
    if (!buffer.bytes) buffer.bytes = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes_);
  }
  return {buffer.bytes.get() + used_, buffer_bytes_ - used_};
}

void BroadcastRing::advance(std::size_t written_bytes) {
  used_ += written_bytes;
  if (used_ == buffer_bytes_) publish();
}

void BroadcastRing::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::span<std::byte> to = space();
    std::size_t count = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), count);
    advance(count);
    bytes = bytes.subspan(count);
  }
}

void BroadcastRing::publish() {
  std::lock_guard hold(mutex_);
  buffers_[filled_ % buffers_.size()].length = used_;
  ++filled_;
  used_ = 0;
  owned_ = false;
  changed_.notify_all();
}

void BroadcastRing::close() {
  if (used_ > 0) publish();
  std::lock_guard hold(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::span<const std::byte> BroadcastRing::next(unsigned reader) {
  std::unique_lock hold(mutex_);
  if (holding_[reader]) {
    ++released_[reader];
    holding_[reader] = false;
    changed_.notify_all();
  }
  bool ready = changed_.wait(hold, stop_, [&] { return aborted_ || closed_ || released_[reader] < filled_; });
  if (!ready || aborted_) throw_error(ErrorKind::cancelled, "stopped");
  if (released_[reader] == filled_) return {};
  holding_[reader] = true;
  const Buffer& buffer = buffers_[released_[reader] % buffers_.size()];
  return {buffer.bytes.get(), buffer.length};
}

void BroadcastRing::abort() noexcept {
  std::lock_guard hold(mutex_);
  aborted_ = true;
  changed_.notify_all();
}

}  // namespace imgb
