#include <fmt/core.h>

#include <deque>
#include <map>

#include "cli/screen.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Time = std::chrono::steady_clock::time_point;

struct Transfer {
  Time begun, shown;
  bool complete = false;
};

struct Work {
  std::string label;
  Time begun;
  LineCleaner log{false, false};
  std::deque<std::string> last_lines;
  std::map<std::string, Transfer> transfers;
};

/// BuildKit's plain progress: lines "#N ...", a blank line and the label again where another activity speaks.
class PlainScreen : public Screen {
 public:
  PlainScreen(WriteText write, Clock clock) : Screen(std::move(write), std::move(clock)) {}

 protected:
  void draw(int number, const Event& event) override {
    std::visit([&](const auto& what) { on(number, what); }, event);
  }

  void draw_last() override { write(failures_); }

 private:
  static constexpr std::size_t kFailureLines = 20;

  void on(int number, const event::Started& e) {
    Work& work = works_[number];
    work.label = printable(e.label, 4096);
    work.begun = now();
    speak(number);
  }

  void on(int number, const event::Log& e) {
    Work& work = works_[number];
    work.log.feed(e.bytes, [&](const std::string& line) { log_line(number, work, line); });
  }

  void on(int number, const event::Bytes& e) {
    constexpr double kSecondsBetweenLines = 5;
    Work& work = works_[number];
    auto [found, is_new] = work.transfers.try_emplace(e.what, Transfer{now(), now()});
    Transfer& transfer = found->second;
    bool complete = e.total && e.done >= *e.total;
    if (transfer.complete || (!complete && seconds_since(transfer.shown) < kSecondsBetweenLines)) return;
    transfer.complete = complete;
    transfer.shown = now();
    std::string text = render_transfer(e.done, e.total, seconds_since(transfer.begun));
    say(number, fmt::format("{} {}{}", printable(e.what), text,
                            complete ? fmt::format(" {:.1f}s done", seconds_since(transfer.begun)) : ""));
  }

  void on(int number, const event::Note& e) { say(number, printable(e.text, 4096)); }

  void on(int number, const event::Finished& e) {
    Work& work = works_[number];
    work.log.finish([&](const std::string& line) { log_line(number, work, line); });
    switch (e.outcome) {
      case event::Outcome::done:
        say(number, fmt::format("DONE {:.1f}s", seconds_since(work.begun)));
        break;
      case event::Outcome::cached:
        say(number, "CACHED");
        break;
      case event::Outcome::cancelled:
        say(number, "CANCELED");
        break;
      case event::Outcome::failed:
        say(number, "ERROR: " + printable(e.error, 4096));
        keep_failure(work);
    }
    works_.erase(number);
    if (speaking_ == number) speaking_ = 0;
  }

  void on(int, const event::Warning& e) {
    speaking_ = 0;
    write(fmt::format("{}WARNING: {}\n", began_ ? "\n" : "", printable(e.text, 4096)));
    began_ = true;
  }

  void log_line(int number, Work& work, const std::string& line) {
    work.last_lines.push_back(line);
    if (work.last_lines.size() > kFailureLines) work.last_lines.pop_front();
    say(number, fmt::format("{:.3f} {}", seconds_since(work.begun), line));
  }

  void say(int number, const std::string& text) {
    speak(number);
    write(fmt::format("#{} {}\n", number, text));
  }

  void speak(int number) {
    if (speaking_ == number) return;
    if (speaking_ != 0 && works_.count(speaking_)) write(fmt::format("#{} ...\n", speaking_));
    write(fmt::format("{}#{} {}\n", began_ ? "\n" : "", number, works_[number].label));
    began_ = true;
    speaking_ = number;
  }

  void keep_failure(const Work& work) {
    if (work.last_lines.empty()) return;
    failures_ += fmt::format("------\n > {}:\n", work.label);
    for (const std::string& line : work.last_lines) failures_ += line + "\n";
    failures_ += "------\n";
  }

  std::map<int, Work> works_;
  int speaking_ = 0;
  bool began_ = false;
  std::string failures_;
};

/// Nothing but warnings, and what a failed step said.
class QuietScreen : public Screen {
 public:
  QuietScreen(WriteText write, Clock clock) : Screen(std::move(write), std::move(clock)) {}

 protected:
  void draw(int number, const Event& event) override {
    constexpr std::size_t kFailureLines = 20;
    if (const auto* warning = std::get_if<event::Warning>(&event))
      write(fmt::format("WARNING: {}\n", printable(warning->text, 4096)));
    if (const auto* started = std::get_if<event::Started>(&event))
      works_[number].label = printable(started->label, 4096);
    auto keep_in = [&](Work& work) {
      return [&](const std::string& line) {
        work.last_lines.push_back(line);
        if (work.last_lines.size() > kFailureLines) work.last_lines.pop_front();
      };
    };
    if (const auto* log = std::get_if<event::Log>(&event)) {
      Work& work = works_[number];
      work.log.feed(log->bytes, keep_in(work));
    }
    if (const auto* finished = std::get_if<event::Finished>(&event)) {
      auto work = works_.extract(number);
      if (!work.empty()) work.mapped().log.finish(keep_in(work.mapped()));
      if (finished->outcome != event::Outcome::failed || work.empty() || work.mapped().last_lines.empty()) return;
      write(fmt::format("------\n > {}:\n", work.mapped().label));
      for (const std::string& line : work.mapped().last_lines) write(line + "\n");
      write("------\n");
    }
  }

 private:
  std::map<int, Work> works_;
};

}  // namespace

std::unique_ptr<Screen> make_plain_screen(WriteText write, Clock clock) {
  return std::make_unique<PlainScreen>(std::move(write), std::move(clock));
}

std::unique_ptr<Screen> make_quiet_screen(WriteText write, Clock clock) {
  return std::make_unique<QuietScreen>(std::move(write), std::move(clock));
}

}  // namespace imgb
