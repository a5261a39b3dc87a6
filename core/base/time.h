#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imgb {

/// Nanoseconds since 1970 UTC. Time is a parameter: only `cli` asks the clock.
using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds kNanosecondsPerSecond = 1'000'000'000;

Nanoseconds now();
/// `seconds`, and `rest` nanoseconds of the next one. What 64 bits cannot say, before 1677 and after 2262, becomes the
/// last whole second that they can.
Nanoseconds nanoseconds_of(std::int64_t seconds, Nanoseconds rest = 0);
/// RFC 3339 in UTC as Go writes it: "2024-01-02T03:04:05.000000006Z", trailing zeros of the fraction dropped.
std::string render_rfc3339(Nanoseconds time);
std::optional<Nanoseconds> find_rfc3339(std::string_view text);    ///< Any offset.
std::optional<Nanoseconds> find_http_date(std::string_view text);  ///< RFC 9110 IMF-fixdate.

}  // namespace imgb
