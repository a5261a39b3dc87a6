#include "tests/support/mutate.h"

#include <algorithm>

namespace imgb {

std::string mutate(std::string text, std::mt19937& random, std::size_t most_edits,
                   std::span<const std::string_view> pieces) {
  constexpr std::size_t kMostBytes = 20;
  auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (std::size_t edits = 1 + below(most_edits); edits > 0 && !text.empty(); --edits) {
    std::size_t at = below(text.size()), size = 1 + below(std::min(kMostBytes, text.size() - at));
    switch (below(pieces.empty() ? 4 : 5)) {
      case 0:
        text.erase(at, size);
        break;
      case 1:
        text.insert(below(text.size()), text.substr(at, size));
        break;
      case 2:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 3:
        text[at] = static_cast<char>(below(256));
        break;
      default:
        text.insert(at, pieces[below(pieces.size())]);
    }
  }
  return text;
}

}  // namespace imgb
