#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

std::string_view trim(std::string_view text, std::string_view what = " \t\r\n");
std::vector<std::string_view> split(std::string_view text, char separator);  ///< Keeps empty parts; "" gives one.
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string lower_ascii(std::string_view text);
bool iequals_ascii(std::string_view a, std::string_view b);
/// Whole text as a decimal number; nullopt on anything else, overflow included.
std::optional<std::uint64_t> find_unsigned(std::string_view text);
std::optional<std::int64_t> find_integer(std::string_view text);
std::optional<std::uint64_t> find_octal(std::string_view text);
/// "10", "64k", "1.5G" and so on as Docker reads sizes: 1024-based, b k m g t p with optional "b" or "ib".
std::optional<std::uint64_t> find_size_bytes(std::string_view text);
std::string render_size(std::uint64_t bytes);  ///< "530.2 MB", 1000-based as Docker shows.
/// Go's time.ParseDuration, in nanoseconds: "1h2m3.5s".
std::optional<std::int64_t> find_go_duration(std::string_view text);
std::string render_go_duration(std::int64_t nanoseconds);
/// Safe to print anywhere: control characters, ESC and bytes that are not UTF-8 become \xNN, long text is cut with
/// "...".
std::string printable(std::string_view text, std::size_t max_bytes = 1024);
/// Go's %q.
std::string go_quote(std::string_view text);
/// The nearest of `candidates` within Levenshtein distance 2 (case-insensitive), unless one is equal; for "did you
/// mean".
std::optional<std::string> find_nearest(std::string_view word, std::span<const std::string> candidates);
std::string hex(std::span<const std::byte> bytes);

}  // namespace imgb
