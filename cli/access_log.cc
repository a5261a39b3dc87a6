#include "cli/access_log.h"

#include "cli/terminal.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxWaitingBytes = 1 << 20;

std::string in_quotes(std::string_view text) {
  std::string out = printable(text, 512);
  for (std::size_t at = 0; (at = out.find('"', at)) != std::string::npos; at += 4) out.replace(at, 1, "\\x22");
  return '"' + out + '"';
}

}  // namespace

std::string render_log_line(const server::LogLine& line, Nanoseconds now) {
  now -= now % kNanosecondsPerSecond;
  std::string text =
      fmt::format("{} {} {} {} {} {:.6f}s {}{}", render_rfc3339(now), printable(line.peer, 100),
                  in_quotes(line.method + " " + line.target), line.status, line.sent_bytes,
                  static_cast<double>(line.took.count()) / 1e6, in_quotes(line.user_agent), line.whole ? "" : " cut");
  if (!line.failure.empty()) text += " " + in_quotes(line.failure);
  return text + "\n";
}

AccessLog::AccessLog() : thread_([this] { write_all_day(); }) {}

AccessLog::~AccessLog() {
  {
    std::lock_guard hold(mutex_);
    ending_ = true;
    more_.notify_one();
  }
  thread_.join();
}

void AccessLog::add(const server::LogLine& line) {
  std::string text = render_log_line(line, now());
  std::lock_guard hold(mutex_);
  if (text_.size() + text.size() > kMaxWaitingBytes) {
    ++lost_;
    return;
  }
  text_ += text;
  more_.notify_one();
}

void AccessLog::write_all_day() {
  std::unique_lock hold(mutex_);
  while (true) {
    more_.wait(hold, [&] { return ending_ || !text_.empty(); });
    if (text_.empty()) return;
    std::string text = std::exchange(text_, {});
    if (auto lost = std::exchange(lost_, 0)) text += fmt::format("{} requests are not shown\n", lost);
    hold.unlock();
    write_error_text(text);
    hold.lock();
  }
}

}  // namespace imgb
