#include <fmt/core.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <thread>

#include "cli/screen.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::string_view kBlue = "\x1b[34m", kRed = "\x1b[31m", kYellow = "\x1b[33m", kReset = "\x1b[0m";

struct Transfer {
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;
  Time begun;
};

struct Work {
  std::string label, note, error;
  Time begun;
  double seconds = 0;
  std::optional<event::Outcome> outcome;
  LineCleaner log{true, true};
  std::deque<std::string> last_lines;
  std::map<std::string, Transfer> transfers;
};

/// Redrawn in place ten times a second: what runs, what it says, how far its transfers are.
class TtyScreen : public Screen {
 public:
  TtyScreen(WriteText write, Clock clock, const Terminal& terminal)
      : Screen(std::move(write), std::move(clock)), terminal_(terminal), began_(now()) {
    if (const char* lines = std::getenv("BUILDKIT_TTY_LOG_LINES"))
      if (auto number = find_unsigned(lines)) log_lines_ = std::min<std::size_t>(*number, 1000);
  }
  ~TtyScreen() override {
    thread_.request_stop();
    changed_.notify_all();
  }

 protected:
  void draw(int number, const Event& event) override {
    std::visit([&](const auto& what) { on(number, what); }, event);
    dirty_ = true;
    if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { keep_drawing(stop); });
  }

  void draw_last() override {
    thread_.request_stop();
    changed_.notify_all();
    if (works_.empty()) return;
    write(erase_frame() + frame(false));
    frame_lines_ = 0;
    for (const auto& [number, work] : works_)
      if (work.outcome == event::Outcome::failed) write_failure(work);
  }

 private:
  static constexpr std::size_t kFailureLines = 20;

  void on(int number, const event::Started& e) {
    Work& work = works_[number];
    work.label = printable(e.label, 4096);
    work.begun = now();
  }
  void on(int number, const event::Log& e) {
    Work& work = works_[number];
    work.log.feed(e.bytes, [&](std::string line) { keep_line(work, std::move(line)); });
  }
  void on(int number, const event::Bytes& e) {
    Transfer& transfer = works_[number].transfers.try_emplace(e.what, Transfer{0, {}, now()}).first->second;
    transfer.done = e.done;
    transfer.total = e.total;
  }
  void on(int number, const event::Note& e) { works_[number].note = printable(e.text, 4096); }
  void on(int number, const event::Finished& e) {
    Work& work = works_[number];
    work.log.finish([&](std::string line) { keep_line(work, std::move(line)); });
    work.outcome = e.outcome;
    work.error = printable(e.error, 4096);
    work.seconds = seconds_since(work.begun);
  }
  void on(int, const event::Warning& e) {
    write(erase_frame() + paint(kYellow, "WARNING: " + printable(e.text, 4096)) + "\n");
    frame_lines_ = 0;
  }

  void keep_line(Work& work, std::string line) {
    work.last_lines.push_back(std::move(line));
    if (work.last_lines.size() > std::max(kFailureLines, log_lines_)) work.last_lines.pop_front();
  }

  void keep_drawing(const std::stop_token& stop) {
    using namespace std::chrono_literals;
    std::unique_lock hold(mutex_);
    while (!stop.stop_requested()) {
      if (dirty_ || running() > 0) write(erase_frame() + frame(true));
      dirty_ = false;
      changed_.wait_for(hold, stop, 100ms, [] { return false; });
    }
  }

  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& [number, work] : works_) count += !work.outcome;
    return count;
  }

  // Line wrapping is off while a frame is drawn, so that its height is known whatever the font makes of it.
  std::string erase_frame() const { return frame_lines_ == 0 ? "" : fmt::format("\x1b[{}A\r\x1b[J", frame_lines_); }

  std::string frame(bool fit_screen) {
    std::vector<std::string> lines;
    for (const auto& [number, work] : works_) add_work(lines, work, fit_screen);
    std::size_t room = static_cast<std::size_t>(std::max(terminal_.rows - 2, 3));
    if (fit_screen && lines.size() > room) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(room));
    std::string text = "\x1b[?7l";
    std::size_t finished = works_.size() - running();
    text += fmt::format("[+] {:.1f}s ({}/{})\n", seconds_since(began_), finished, works_.size());
    for (const std::string& line : lines) text += line + "\n";
    frame_lines_ = lines.size() + 1;
    return text + "\x1b[?7h";
  }

  void add_work(std::vector<std::string>& lines, const Work& work, bool with_details) const {
    double seconds = work.outcome ? work.seconds : seconds_since(work.begun);
    std::string prefix = " => ";
    if (work.outcome == event::Outcome::cached) prefix += "CACHED ";
    if (work.outcome == event::Outcome::cancelled) prefix += "CANCELED ";
    if (work.outcome == event::Outcome::failed) prefix += "ERROR ";
    lines.push_back(row(prefix + work.label, fmt::format("{:.1f}s", seconds), color_of(work)));
    if (!with_details || work.outcome) return;
    for (const auto& [what, transfer] : work.transfers)
      if (!transfer.total || transfer.done < *transfer.total)
        lines.push_back(row(" => => " + printable(what) + " " +
                                render_transfer(transfer.done, transfer.total, seconds_since(transfer.begun)),
                            "", ""));
    if (!work.note.empty()) lines.push_back(row(" => => " + work.note, "", ""));
    std::size_t from = work.last_lines.size() - std::min(work.last_lines.size(), log_lines_);
    for (std::size_t i = from; i < work.last_lines.size(); ++i) lines.push_back(log_row(work.last_lines[i]));
    if (!work.log.unfinished().empty()) lines.push_back(log_row(work.log.unfinished()));
  }

  std::string log_row(const std::string& line) const {
    std::string clipped = clip_columns(" => => # " + line, terminal_.columns);
    return terminal_.color ? clipped : without_color(clipped);
  }

  static std::string without_color(std::string_view text) {
    std::string plain;
    LineCleaner cleaner(false, false);
    cleaner.feed(text, [&](const std::string& line) { plain += line; });
    cleaner.finish([&](const std::string& line) { plain += line; });
    return plain;
  }

  std::string row(const std::string& left, const std::string& right, std::string_view color) const {
    int room = terminal_.columns - static_cast<int>(right.size()) - 1;
    std::string text = clip_columns(left, std::max(room, 10));
    int gap = std::max(room - columns_of(text) + 1, 1);
    return paint(color, right.empty() ? text : text + std::string(static_cast<std::size_t>(gap), ' ') + right);
  }

  std::string paint(std::string_view color, const std::string& text) const {
    return terminal_.color && !color.empty() ? std::string(color) + text + std::string(kReset) : text;
  }

  static std::string_view color_of(const Work& work) {
    if (!work.outcome) return "";
    if (*work.outcome == event::Outcome::failed) return kRed;
    return *work.outcome == event::Outcome::cancelled ? kYellow : kBlue;
  }

  void write_failure(const Work& work) {
    if (work.last_lines.empty()) return;
    std::string text = fmt::format("------\n > {}:\n", work.label);
    for (const std::string& line : work.last_lines) {
      text += terminal_.color ? line : without_color(line);
      if (terminal_.color && line.find('\x1b') != std::string::npos) text += kReset;
      text += "\n";
    }
    write(text + "------\n");
  }

  Terminal terminal_;
  Time began_;
  std::size_t log_lines_ = 6;
  std::map<int, Work> works_;
  std::size_t frame_lines_ = 0;
  bool dirty_ = false;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<Screen> make_tty_screen(WriteText write, Clock clock, const Terminal& terminal) {
  return std::make_unique<TtyScreen>(std::move(write), std::move(clock), terminal);
}

}  // namespace imgb
