#pragma once
#include <chrono>
#include <cstdint>

namespace imgb {

/// Ends a transfer that moves too little: fewer than `bytes` while we waited for `limit`. Only time spent waiting for
/// the other side counts: a sink may be slow. Pure.
class StallWatch {
 public:
  StallWatch(std::chrono::milliseconds limit, std::uint64_t bytes) : limit_(limit), bytes_(bytes) {}
  /// How long to wait at most before the next add(), in milliseconds.
  int poll_ms() const;
  /// TransportError(stalled) when that was too long for what was moved.
  void add(std::chrono::steady_clock::duration waited, std::uint64_t moved_in_all);

 private:
  std::chrono::microseconds limit_, waited_{};
  std::uint64_t bytes_, moved_before_ = 0;
};

}  // namespace imgb
