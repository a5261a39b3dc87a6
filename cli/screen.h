#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "cli/terminal.h"
#include "core/base/progress.h"

namespace imgb {

using Clock = std::function<std::chrono::steady_clock::time_point()>;
using WriteText = std::function<void(std::string_view)>;

/// Draws events. One of plain (BuildKit's lines), tty (redrawn in place), json (one event per line) and quiet.
/// Threads: emit() from any; drawing happens under one lock.
class Screen : public Progress {
 public:
  void emit(int activity, Event event) noexcept final;
  int next_activity() noexcept final { return next_.fetch_add(1); }
  void close() noexcept;  ///< Draws what is left; later events are dropped. Twice is fine.

 protected:
  Screen(WriteText write, Clock clock) : write_(std::move(write)), clock_(std::move(clock)) {}
  virtual void draw(int activity, const Event& event) = 0;  ///< Under the lock.
  virtual void draw_last() {}                               ///< Under the lock.
  void write(std::string_view text) { write_(text); }
  double seconds_since(std::chrono::steady_clock::time_point begin) const {
    return std::chrono::duration<double>(clock_() - begin).count();
  }
  std::chrono::steady_clock::time_point now() const { return clock_(); }
  std::mutex mutex_;

 private:
  WriteText write_;
  Clock clock_;
  bool closed_ = false;
  std::atomic<int> next_ = 1;
};

/// Modes: "" and auto (tty on a terminal, else plain), plain, tty, json, rawjson, quiet, none. Error(usage) otherwise.
std::unique_ptr<Screen> make_screen(const std::string& mode, const Terminal& terminal);

std::unique_ptr<Screen> make_plain_screen(WriteText write, Clock clock);
std::unique_ptr<Screen> make_tty_screen(WriteText write, Clock clock, const Terminal& terminal);
std::unique_ptr<Screen> make_json_screen(WriteText write, Clock clock);
std::unique_ptr<Screen> make_quiet_screen(WriteText write, Clock clock);

/// "1.2 MB / 30.4 MB, 10.1 MB/s, 3 s left"
std::string render_transfer(std::uint64_t done, std::optional<std::uint64_t> total, double seconds);

}  // namespace imgb
