#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "builder/source_text.h"

namespace imgb {

/// Cuts a text at "\n" and counts the lines. Borrows the text.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}
  /// The next line with its newline; nullopt at the end.
  std::optional<std::string_view> next();
  std::size_t line() const { return line_; }  ///< Number of the line that next() gave last, from 1; 0 before.

 private:
  std::string_view text_;
  std::size_t at_ = 0, line_ = 0;
};

std::string_view trim_newline(std::string_view line);  ///< Without "\r" and "\n" at its end.
bool is_comment(std::string_view line);                ///< First character that is no blank is "#".
/// Cuts a continuation mark (dockerfile.md 1.3) off `line` and says whether there was one.
bool cut_continuation(std::string_view& line, char escape);

}  // namespace imgb
