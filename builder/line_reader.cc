#include "builder/line_reader.h"

#include "builder/text_scan.h"

namespace imgb {

std::optional<std::string_view> LineReader::next() {
  if (at_ == text_.size()) return std::nullopt;
  std::size_t newline = text_.find('\n', at_);
  std::size_t end = newline == std::string_view::npos ? text_.size() : newline + 1;
  std::string_view line = text_.substr(at_, end - at_);
  at_ = end;
  ++line_;
  return line;
}

std::string_view trim_newline(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) {
  line = trim_spaces_left(line);
  return !line.empty() && line.front() == '#';
}

bool cut_continuation(std::string_view& line, char escape) {
  std::string_view cut = line;
  while (!cut.empty() && (cut.back() == ' ' || cut.back() == '\t')) cut.remove_suffix(1);
  if (cut.empty() || cut.back() != escape) return false;
  cut.remove_suffix(1);
  // An escaped escape character is text. Known quirk: so are three of them.
  if (!cut.empty() && cut.back() == escape) return false;
  line = cut;
  return true;
}

}  // namespace imgb
