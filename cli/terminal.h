#pragma once
#include <string>
#include <string_view>

namespace imgb {

struct Terminal {
  bool is_tty = false;
  int columns = 80, rows = 24;
  bool color = false;  ///< A terminal, and neither NO_COLOR nor TERM=dumb.
};
Terminal describe_terminal(int fd);

/// Standard error, all of it; there is nobody to tell when that fails.
void write_error_text(std::string_view text) noexcept;

/// Makes text of images, registries and RUN steps harmless for a terminal (V52): escape sequences, control characters
/// and bytes that are not UTF-8 vanish or become U+FFFD; tabs stay. With `keep_color`, SGR sequences stay. Sequences
/// that are split between two pieces are handled: feed the bytes as they come.
///
/// Gives whole lines; "\r\n" and "\n" end one, a lone "\r" begins the line again (a progress bar): what was before it
/// is dropped when `redraw` is set, and is a line of its own otherwise. Lines longer than kMaxLineBytes are cut in
/// pieces.
class LineCleaner {
 public:
  static constexpr std::size_t kMaxLineBytes = 16 * 1024;
  LineCleaner(bool keep_color, bool redraw) : keep_color_(keep_color), redraw_(redraw) {}
  template <class OnLine>
  void feed(std::string_view bytes, OnLine on_line) {
    for (char c : bytes)
      if (take(static_cast<unsigned char>(c))) on_line(release());
  }
  /// What is left of an unfinished line.
  template <class OnLine>
  void finish(OnLine on_line) {
    end_line();
    if (!ready_.empty()) on_line(release());
  }
  const std::string& unfinished() const { return line_; }

 private:
  enum class State : unsigned char { text, escape, csi, string, string_escape, skip_one };
  bool take(unsigned char c);               ///< True: a line is complete.
  [[gnu::noinline]] void hand_over_line();  // inlined, GCC 12 warns of a short string that cannot be one
  bool take_text(unsigned char c);
  void take_escape(unsigned char c);
  void end_line();
  std::string release();

  bool keep_color_, redraw_;
  State state_ = State::text;
  bool carriage_return_ = false;
  std::string line_, ready_, sequence_, utf8_;
  std::size_t utf8_need_ = 0;
};

/// One line for a terminal of `columns`: cut to the width, colour sequences not counted and ended. Takes clean text.
std::string clip_columns(std::string_view line, int columns);
int columns_of(std::string_view text);

/// Whether `bytes` (2 to 4 of them) are one well-formed UTF-8 character that a terminal may be given.
bool is_safe_character(std::string_view bytes);

}  // namespace imgb
