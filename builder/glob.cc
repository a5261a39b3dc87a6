#include "builder/glob.h"

#include "builder/path_pattern.h"

namespace imgb {

std::optional<bool> match_path(std::string_view pattern, std::string_view path) {
  auto compiled = PathPattern::compile(pattern, DoubleStar::as_star);
  if (!compiled) return std::nullopt;
  return compiled->matches(path);
}

bool has_wildcard(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '*' || text[i] == '?' || text[i] == '[') {
      return true;
    }
  }
  return false;
}

}  // namespace imgb
