#include "builder/dockerfile_error.h"

#include <algorithm>

#include "builder/line_reader.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kRule = "--------------------\n";
constexpr std::size_t kMaxShownLines = 200;

/// With two lines on each side of a single one, one on each side of several.
LineRange padded(LineRange marked, std::size_t line_count) {
  const std::size_t margin = marked.first == marked.last ? 2 : 1;
  return {marked.first - std::min(margin, marked.first - 1), std::min(marked.last + margin, line_count)};
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  LineReader reader(text);
  while (auto line = reader.next()) lines.push_back(trim_newline(*line));
  if (!text.empty() && text.back() == '\n') lines.emplace_back();
  return lines;
}

/// Tabs are the one control character that may be shown as it is.
std::string shown_line(std::string_view line) {
  std::string shown;
  for (std::string_view part : split(line, '\t')) {
    if (part.data() != line.data()) shown += '\t';
    shown += printable(part);
  }
  return shown;
}

/// Stands below the byte's place in the line as shown: tabs stay tabs, escaped bytes are wider.
std::string caret(std::string_view line, std::size_t column) {
  std::string out = "     |     ";
  for (char c : shown_line(line.substr(0, std::min(column - 1, line.size())))) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!continues) out += c == '\t' ? '\t' : ' ';
  }
  return out += "^\n";
}

}  // namespace

DockerfileError::DockerfileError(const Error& error, SharedSource source, std::vector<SourceLocation> locations)
    : Error(error.kind(), error.message()), source_(std::move(source)), locations_(std::move(locations)) {
  for (const std::string& frame : error.frames()) add_frame(frame);
  set_hint(error.hint());
}

SourceLocation locate(const SourceText& source, LineRange lines, const Error& error) {
  SourceLocation place{lines};
  const auto* about = dynamic_cast<const WordError*>(&error);
  if (about == nullptr || about->word().empty()) return place;
  LineReader reader(source.text);
  while (auto line = reader.next()) {
    if (reader.line() > lines.last) break;
    if (reader.line() < lines.first) continue;
    std::size_t found = line->find(about->word());
    if (found == std::string_view::npos) continue;
    place.column = found + 1;
    place.column_line = reader.line();
    break;
  }
  return place;
}

std::string render_snippet(const SourceText& source, const SourceLocation& location) {
  std::vector<std::string_view> lines = lines_of(source.text);
  LineRange marked = location.lines;
  if (marked.first == 0 || marked.first > lines.size()) return "";
  marked.last = std::clamp(marked.last, marked.first, lines.size());
  LineRange shown = padded(marked, lines.size());
  std::string out = fmt::format("{}:{}\n{}", printable(source.name), marked.first, kRule);
  for (std::size_t i = shown.first; i <= shown.last; ++i) {
    if (i == shown.first + kMaxShownLines) {
      out += fmt::format("     | ... {} more lines\n", shown.last - i + 1);
      break;
    }
    bool is_marked = i >= marked.first && i <= marked.last;
    out += fmt::format(" {:3} | {} {}\n", i, is_marked ? ">>>" : "   ", shown_line(lines[i - 1]));
    if (i == location.column_line && location.column > 0) out += caret(lines[i - 1], location.column);
  }
  return out += kRule;
}

std::string render_snippet(const DockerfileError& error) {
  std::string out;
  if (error.source() == nullptr) return out;
  for (const SourceLocation& location : error.locations()) out += render_snippet(*error.source(), location);
  return out;
}

}  // namespace imgb
