#include "cli/ask_user.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "cli/terminal.h"
#include "core/base/error.h"
#include "core/base/stop_event.h"
#include "core/base/task.h"

namespace imgb {
namespace {

/// Whether what is typed is shown; as it was when destroyed.
class TerminalEcho {
 public:
  explicit TerminalEcho(Echo echo) {
    if (echo == Echo::shown) return;
    termios now{};
    if (::tcgetattr(STDIN_FILENO, &now) != 0) throw_errno("the terminal");
    before_ = now;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    now.c_lflag |= ECHONL;
    if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &now) != 0) throw_errno("the terminal");
  }
  TerminalEcho(const TerminalEcho&) = delete;
  ~TerminalEcho() {
    if (before_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &*before_);
  }

 private:
  std::optional<termios> before_;
};

void wait_for_input(const StopEvent& stopped, const std::stop_token& stop) {
  pollfd waiting[] = {{STDIN_FILENO, POLLIN, 0}, {stopped.get(), POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0)
    if (errno != EINTR) throw_errno("wait for the terminal");
  throw_if_stopped(stop);
}

}  // namespace

std::string ask_user(CliEnv& env, std::string_view prompt, Echo echo) {
  constexpr std::size_t kMaxLine = 64 * 1024;
  if (::isatty(STDIN_FILENO) != 1)
    throw Error(ErrorKind::usage, "there is no terminal to ask on")
        .set_hint("use -u USER and --password-stdin, and write the password to standard input");
  std::stop_token stop = env.stop();
  StopEvent stopped(stop);
  TerminalEcho as_wanted(echo);
  write_error_text(prompt);
  std::string line;
  for (;;) {
    wait_for_input(stopped, stop);
    char c = 0;
    ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0) throw_errno("read the terminal");
    if (got == 0 || c == '\n') return line;
    if (line.size() == kMaxLine) throw_error(ErrorKind::input, "the line is longer than {} bytes", kMaxLine);
    line += c;
  }
}

}  // namespace imgb
