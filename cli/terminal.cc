#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace imgb {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::uint32_t code_point(std::string_view bytes) {
  std::uint32_t point = static_cast<unsigned char>(bytes[0]) & (0xFFu >> (bytes.size() + 1));
  for (std::size_t i = 1; i < bytes.size(); ++i) point = point << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3Fu);
  return point;
}

bool is_wide(std::uint32_t point) {
  static constexpr std::pair<std::uint32_t, std::uint32_t> kWide[] = {
      {0x1100, 0x115F}, {0x2E80, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},  {0xFE30, 0xFE6F},
      {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD}};
  for (auto [from, to] : kWide)
    if (point >= from && point <= to) return true;
  return false;
}

std::size_t character_bytes(unsigned char lead) { return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

// Length of the SGR sequence at the start of clean text, or 0.
std::size_t color_bytes(std::string_view text) {
  if (text.substr(0, 2) != "\x1b[") return 0;
  std::size_t end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

}  // namespace

Terminal describe_terminal(int fd) {
  Terminal terminal;
  terminal.is_tty = ::isatty(fd) == 1;
  if (!terminal.is_tty) return terminal;
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
    terminal.rows = size.ws_row > 0 ? size.ws_row : 24;
  }
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  terminal.color = !(no_color && *no_color) && term && std::string_view(term) != "dumb";
  return terminal;
}

void write_error_text(std::string_view text) noexcept {
  while (!text.empty()) {
    ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written > 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      return;
  }
}

// Bidirectional overrides and C1 controls change what a reader sees, like escape sequences do.
bool is_safe_character(std::string_view bytes) {
  std::uint32_t point = code_point(bytes);
  static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[bytes.size()] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
  if (point < 0xA0 || point == 0x2028 || point == 0x2029) return false;
  return !((point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069));
}

std::string LineCleaner::release() { return std::exchange(ready_, {}); }

void LineCleaner::end_line() {
  if (!std::exchange(utf8_, {}).empty()) line_ += kReplacement;
  hand_over_line();
}

bool LineCleaner::take(unsigned char c) {
  if (state_ == State::text) return take_text(c);
  take_escape(c);
  return false;
}

void LineCleaner::hand_over_line() {
  ready_.swap(line_);
  line_.clear();
}

bool LineCleaner::take_text(unsigned char c) {
  if (!utf8_.empty()) {
    if ((c & 0xC0) == 0x80) {
      utf8_ += static_cast<char>(c);
      if (utf8_.size() < utf8_need_) return false;
      line_ += is_safe_character(utf8_) ? std::string_view(utf8_) : kReplacement;
      utf8_.clear();
      return false;
    }
    utf8_.clear();
    line_ += kReplacement;
  }
  bool after_return = std::exchange(carriage_return_, false);
  if (c == '\n') {
    hand_over_line();
    return true;
  }
  bool complete = false;
  if (after_return && !line_.empty()) {
    if (!redraw_) ready_ = line_;
    complete = !redraw_;
    line_.clear();
  }
  if (!complete && line_.size() >= kMaxLineBytes) {
    hand_over_line();
    complete = true;
  }
  if (c == '\r')
    carriage_return_ = true;
  else if (c == 0x1b)
    state_ = State::escape;
  else if (c == '\t' || (c >= 0x20 && c < 0x7F))
    line_ += static_cast<char>(c);
  else if (c >= 0xC2 && c <= 0xF4)
    utf8_ = static_cast<char>(c), utf8_need_ = character_bytes(c);
  else if (c >= 0x80)
    line_ += kReplacement;
  return complete;
}

// ECMA-48: CSI ends at a byte 0x40-0x7E; OSC, DCS, SOS, PM and APC strings end at BEL or ESC \; ESC ( and its like take
// one more byte. A sequence longer than anything real is given up, so that it cannot hide the rest of a log.
void LineCleaner::take_escape(unsigned char c) {
  constexpr std::size_t kLongestSequence = 4096;
  sequence_ += static_cast<char>(c);
  bool done = false;
  switch (state_) {
    case State::escape:
      if (c == '[')
        state_ = State::csi;
      else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
        state_ = State::string;
      else if (c >= 0x20 && c <= 0x2F)
        state_ = State::skip_one;
      else
        done = true;
      break;
    case State::csi:
      done = (c >= 0x40 && c <= 0x7E) || c < 0x20;
      if (c == 'm' && keep_color_ && sequence_.find_first_not_of("0123456789;:", 1) == sequence_.size() - 1)
        line_ += "\x1b" + sequence_;
      break;
    case State::string:
      done = c == '\a';
      if (c == 0x1b) state_ = State::string_escape;
      break;
    case State::string_escape:
      done = true;
      break;
    default:
      done = true;
  }
  if (!done && sequence_.size() < kLongestSequence) return;
  sequence_.clear();
  state_ = State::text;
}

int columns_of(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    std::size_t size = color_bytes(text);
    if (size == 0) {
      size = std::min(character_bytes(static_cast<unsigned char>(text[0])), text.size());
      columns += is_wide(code_point(text.substr(0, size))) ? 2 : 1;
    }
    text.remove_prefix(size);
  }
  return columns;
}

std::string clip_columns(std::string_view line, int columns) {
  std::string clipped;
  bool colored = false;
  int used = 0;
  while (!line.empty()) {
    if (std::size_t color = color_bytes(line)) {
      clipped += line.substr(0, color);
      colored = true;
      line.remove_prefix(color);
      continue;
    }
    std::size_t size = std::min(character_bytes(static_cast<unsigned char>(line[0])), line.size());
    std::string_view character = line.substr(0, size);
    if (character == "\t") character = " ";
    int width = columns_of(character);
    if (used + width > columns) break;
    used += width;
    clipped += character;
    line.remove_prefix(size);
  }
  if (colored) clipped += "\x1b[0m";
  return clipped;
}

}  // namespace imgb
