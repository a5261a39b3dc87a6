#pragma once
#include <string>
#include <string_view>

namespace imgb {

// The patterns of ${name#p}, ${name%p} and ${name/p/r} (dockerfile.md 2): only * and ? are special, neither matches a
// newline; "\*", "\?", "\\", "\}" and "\/" are literal. Time is at most linear in pattern times value; beyond
// kMaxPatternWork it is refused. Error(input) `invalid pattern (p) in substitution: invalid escape '\x'`.

inline constexpr std::size_t kMaxPatternWork = 100'000'000;

enum class Extent { shortest, longest };

std::string remove_prefix(std::string_view value, std::string_view pattern, Extent extent);
std::string remove_suffix(std::string_view value, std::string_view pattern, Extent extent);
/// The leftmost longest match, or each of them. The replacement is taken literally.
std::string replace_first(std::string_view value, std::string_view pattern, std::string_view replacement);
std::string replace_all(std::string_view value, std::string_view pattern, std::string_view replacement);

}  // namespace imgb
