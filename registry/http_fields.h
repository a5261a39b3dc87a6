#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "registry/http.h"

namespace imgb {

/// "bytes 100-199/200" (RFC 9110, 14.4). `size` is nullopt for "*".
struct ContentRange {
  std::uint64_t first = 0, last = 0;
  std::optional<std::uint64_t> size;
  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};
std::optional<ContentRange> find_content_range(std::string_view value);

/// Retry-After: seconds or a date, as the time to wait from `now`; a date in the past is 0.
std::optional<std::chrono::milliseconds> find_retry_after(std::string_view value, Nanoseconds now);

/// Where the next page of a list is: Link headers with rel="next" (RFC 8288).
std::optional<std::string> find_next_page(const Headers& headers);

}  // namespace imgb
