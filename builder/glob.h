#pragma once
#include <optional>
#include <string_view>

namespace imgb {

/// Go's filepath.Match on Linux: * ? [a-z] [^a-z] \x; "*" and "?" do not match "/"; the whole path must match.
/// nullopt: the pattern is malformed. Linear in pattern times path at worst.
std::optional<bool> match_path(std::string_view pattern, std::string_view path);

/// True when COPY treats `text` as a pattern: an unescaped * ? or [.
bool has_wildcard(std::string_view text);

}  // namespace imgb
