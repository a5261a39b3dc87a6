#include "layerfs/segment_window.h"

#include <algorithm>

#include "core/base/error.h"

namespace imgb {

SegmentWindow::SegmentWindow(std::size_t segments, std::size_t segment_bytes, std::stop_token stop)
    : segment_bytes_(segment_bytes), segments_(segments), done_(segments), stop_(std::move(stop)) {}

template <class Ready>
void SegmentWindow::wait(std::unique_lock<std::mutex>& hold, Ready ready) {
  bool is_ready = changed_.wait(hold, stop_, [&] { return aborted_ || ready(); });
  if (!is_ready || aborted_) throw_error(ErrorKind::cancelled, "stopped");
}

Segment& SegmentWindow::filling() {
  Segment& segment = at(filled_);
  if (owned_) return segment;
  std::unique_lock hold(mutex_);
  wait(hold, [&] { return !is_full(); });
  owned_ = true;
  segment.length = 0;
  segment.known.reset();
  if (!segment.bytes) segment.bytes = std::make_unique_for_overwrite<std::byte[]>(segment_bytes_);
  return segment;
}

void SegmentWindow::publish() {
  std::lock_guard hold(mutex_);
  ++filled_;
  owned_ = false;
  changed_.notify_all();
}

void SegmentWindow::close() {
  std::lock_guard hold(mutex_);
  closed_ = true;
  changed_.notify_all();
}

const Segment* SegmentWindow::next_to_hash() {
  std::unique_lock hold(mutex_);
  if (hashing_) {
    ++hashed_;
    hashing_ = false;
    changed_.notify_all();
  }
  wait(hold, [&] { return closed_ || hashed_ < filled_; });
  if (hashed_ == filled_) return nullptr;
  hashing_ = true;
  return &at(hashed_);
}

Segment* SegmentWindow::next_to_pack() {
  std::unique_lock hold(mutex_);
  wait(hold, [&] { return closed_ || taken_ < filled_; });
  return taken_ == filled_ ? nullptr : &at(taken_++);
}

void SegmentWindow::packed(Segment& segment, const std::function<void(Segment&)>& emit) {
  std::unique_lock hold(mutex_);
  done_[static_cast<std::size_t>(&segment - segments_.data())] = true;
  if (emitting_) return;  // that thread sees this one when it has come so far
  emitting_ = true;
  for (std::size_t next = emitted_ % segments_.size(); emitted_ < taken_ && done_[next];
       next = emitted_ % segments_.size()) {
    hold.unlock();
    emit(segments_[next]);
    hold.lock();
    done_[next] = false;
    ++emitted_;
    changed_.notify_all();
  }
  emitting_ = false;
}

void SegmentWindow::abort() noexcept {
  std::lock_guard hold(mutex_);
  aborted_ = true;
  changed_.notify_all();
}

}  // namespace imgb
