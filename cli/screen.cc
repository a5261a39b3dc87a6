#include "cli/screen.h"

#include <fmt/core.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

void Screen::emit(int activity, Event event) noexcept {
  try {
    std::lock_guard hold(mutex_);
    if (!closed_) draw(activity, event);
  } catch (const std::exception&) {
    // Nothing that goes wrong with drawing may fail the work that is drawn.
  }
}

void Screen::close() noexcept {
  try {
    std::lock_guard hold(mutex_);
    if (!closed_) draw_last();
    closed_ = true;
  } catch (const std::exception&) {
    closed_ = true;
  }
}

std::unique_ptr<Screen> make_screen(const std::string& mode, const Terminal& terminal) {
  WriteText write = [](std::string_view text) { write_error_text(text); };
  Clock clock = [] { return std::chrono::steady_clock::now(); };
  if (mode.empty() || mode == "auto")
    return terminal.is_tty ? make_tty_screen(write, clock, terminal) : make_plain_screen(write, clock);
  if (mode == "plain") return make_plain_screen(write, clock);
  if (mode == "tty") {
    if (!terminal.is_tty)
      throw Error(ErrorKind::usage, "--progress=tty needs a terminal on standard error")
          .set_hint("use --progress=plain");
    return make_tty_screen(write, clock, terminal);
  }
  if (mode == "json" || mode == "rawjson") return make_json_screen(write, clock);
  if (mode == "quiet" || mode == "none") return make_quiet_screen(write, clock);
  throw_error(ErrorKind::usage, "progress is auto, plain, tty, json, quiet or none, not {:?}", printable(mode));
}

std::string render_transfer(std::uint64_t done, std::optional<std::uint64_t> total, double seconds) {
  std::string text = render_size(done);
  if (total) text += " / " + render_size(*total);
  if (seconds < 0.2 || done == 0 || (total && done >= *total)) return text;
  double rate = static_cast<double>(done) / seconds;
  text += fmt::format(", {}/s", render_size(static_cast<std::uint64_t>(rate)));
  if (total) text += fmt::format(", {:.0f} s left", static_cast<double>(*total - done) / rate);
  return text;
}

}  // namespace imgb
