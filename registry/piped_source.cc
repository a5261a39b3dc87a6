#include "registry/piped_source.h"

#include <algorithm>
#include <cstring>

#include "core/base/task.h"

namespace imgb {
namespace {

constexpr std::size_t kRingBytes = 1 << 20;

}  // namespace

class PipedSource::Inlet : public Sink {
 public:
  Inlet(PipedSource& pipe, std::stop_token stop) : pipe_(pipe), stop_(std::move(stop)) {}
  void write(std::span<const std::byte> bytes) override { pipe_.put(bytes, stop_); }

 private:
  PipedSource& pipe_;
  std::stop_token stop_;
};

PipedSource::PipedSource(Fill fill, std::stop_token parent)
    : ring_(std::make_unique_for_overwrite<std::byte[]>(kRingBytes)),
      parent_(std::move(parent)),
      thread_([this, fill = std::move(fill)](const std::stop_token& stop) {
        std::exception_ptr failure;
        try {
          Inlet inlet(*this, stop);
          fill(inlet, stop);
        } catch (...) {
          failure = std::current_exception();
        }
        close(failure);
      }),
      on_parent_(parent_, [this] { thread_.request_stop(); }) {}

PipedSource::~PipedSource() { thread_.request_stop(); }

void PipedSource::put(std::span<const std::byte> bytes, const std::stop_token& stop) {
  while (!bytes.empty()) {
    std::unique_lock hold(mutex_);
    if (!changed_.wait(hold, stop, [&] { return filled_ < kRingBytes; })) throw_if_stopped(stop);
    std::size_t end = (first_ + filled_) % kRingBytes;
    std::size_t part = std::min({bytes.size(), kRingBytes - filled_, kRingBytes - end});
    std::memcpy(ring_.get() + end, bytes.data(), part);
    filled_ += part;
    bytes = bytes.subspan(part);
    changed_.notify_all();
  }
}

void PipedSource::close(std::exception_ptr failure) {
  std::lock_guard hold(mutex_);
  failure_ = std::move(failure);
  ended_ = true;
  changed_.notify_all();
}

std::size_t PipedSource::read(std::span<std::byte> into) {
  std::unique_lock hold(mutex_);
  changed_.wait(hold, parent_, [&] { return filled_ > 0 || ended_; });
  throw_if_stopped(parent_);
  if (filled_ == 0) {
    if (failure_) std::rethrow_exception(failure_);
    return 0;
  }
  std::size_t part = std::min({into.size(), filled_, kRingBytes - first_});
  std::memcpy(into.data(), ring_.get() + first_, part);
  first_ = (first_ + part) % kRingBytes;
  filled_ -= part;
  changed_.notify_all();
  return part;
}

}  // namespace imgb
