#include "cli/terminal_session.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/error.h"

namespace imgb {

void require_terminal() {
  if (::isatty(STDIN_FILENO) != 1)
    throw Error(ErrorKind::usage, "-it, but standard input is no terminal")
        .set_hint("for a pipe or a file use -i alone");
}

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  termios now{};
  if (::tcgetattr(fd_, &now) != 0) return;
  before_ = now;
  ::cfmakeraw(&now);
  ::tcsetattr(fd_, TCSADRAIN, &now);
}

RawTerminal::~RawTerminal() {
  if (before_) ::tcsetattr(fd_, TCSADRAIN, &*before_);
}

void copy_terminal_size(int fd, const Running& running) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) running.resize_terminal(size.ws_row, size.ws_col);
}

}  // namespace imgb
