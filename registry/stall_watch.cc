#include "registry/stall_watch.h"

#include <algorithm>

#include "registry/http.h"

namespace imgb {

int StallWatch::poll_ms() const {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(limit_ - waited_).count();
  return static_cast<int>(std::max<std::int64_t>(1, left));
}

void StallWatch::add(std::chrono::steady_clock::duration waited, std::uint64_t moved_in_all) {
  waited_ += std::chrono::duration_cast<std::chrono::microseconds>(waited);
  if (moved_in_all - moved_before_ >= bytes_) {
    moved_before_ = moved_in_all;
    waited_ = {};
  } else if (waited_ >= limit_) {
    throw TransportError(TransportFailure::stalled, ErrorKind::unavailable,
                         fmt::format("stalled: {} bytes in {} ms", moved_in_all - moved_before_,
                                     std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count()));
  }
}

}  // namespace imgb
