#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace imgb {

/// The one way into JSON from outside: strict (no comments, no NaN, valid UTF-8), at most `max_bytes`, nesting at most
/// 64, at most `max_values` (a document of 4 MiB could else take 150 MiB), duplicate keys refused. Error(corrupt)
/// names `what` and the offset. Include <nlohmann/json.hpp> in .cc files only.
inline constexpr std::size_t kMaxJsonValues = 250'000;
nlohmann::json parse_json(std::string_view text, std::size_t max_bytes, std::string_view what,
                          std::size_t max_values = kMaxJsonValues);

/// JSON has characters, not bytes: bytes that are no UTF-8 (argv may hold any) survive in a string of our own files as
/// Latin-1 would read them.
std::string text_of_bytes(std::string_view bytes);
std::string bytes_of_text(std::string_view text);

}  // namespace imgb
