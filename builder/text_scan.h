#pragma once
#include <cstddef>
#include <string_view>

namespace imgb {

/// The code point at the start of a text. A byte that is not UTF-8 stands for itself, above every real code point.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;  ///< Bytes it takes: 1 to 4.
};
CodePoint first_code_point(std::string_view text);  ///< `text` is not empty.

bool is_space(char32_t c);            ///< Go's unicode.IsSpace.
bool is_letter_or_digit(char32_t c);  ///< Unicode categories L and Nd.

std::string_view trim_spaces(std::string_view text);  ///< All that is_space, at both ends.
std::string_view trim_spaces_left(std::string_view text);

/// The blanks between words of an instruction, a narrower set than is_space: tab, VT, FF, CR, space.
inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r'; }

}  // namespace imgb
