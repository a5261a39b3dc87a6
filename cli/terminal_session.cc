#include "cli/terminal_session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/files.h"
#include "core/base/error.h"

namespace imgb {
namespace {

// Reads what is there; false at the end of the file. A terminal's end is EIO.
template <class Take>
bool pump(int from, Take take) {
  std::array<std::byte, 64 * 1024> buffer;
  ssize_t got = ::read(from, buffer.data(), buffer.size());
  if (got > 0) take(std::span<const std::byte>(buffer.data(), static_cast<std::size_t>(got)));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

// A reader of ours that went away does not stop the container: it writes on, into its log.
void write_ours(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written > 0)
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    else if (written < 0 && errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

bool is_readable(int fd) {
  pollfd ready{fd, POLLIN, 0};
  return ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN);
}

}  // namespace

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

void copy_terminal_size(const Running& running) {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    running.resize_terminal(size.ws_row, size.ws_col);
}

void join_terminals(Running& running, bool interactive, const std::function<void(std::span<const std::byte>)>& log) {
  RawTerminal raw(interactive ? STDIN_FILENO : -1);
  copy_terminal_size(running);
  int theirs = running.terminal().get();
  auto show = [&](std::span<const std::byte> bytes) {
    write_ours(STDOUT_FILENO, bytes);
    log(bytes);
  };
  pollfd fds[3] = {
      {theirs, POLLIN, 0}, {running.ended().get(), POLLIN, 0}, {interactive ? STDIN_FILENO : -1, POLLIN, 0}};
  while (true) {
    if (::poll(fds, 3, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents && !pump(theirs, show)) return;
    if (fds[1].revents && !fds[0].revents) break;
    if (fds[2].revents && !pump(STDIN_FILENO, [&](auto bytes) { write_ours(theirs, bytes); })) fds[2].fd = -1;
  }
  while (is_readable(theirs) && pump(theirs, show)) {
  }
}

void copy_output(const Running& running, const OutputPipes& pipes, const OutputLog& log) {
  pollfd fds[3] = {{pipes.out.get(), POLLIN, 0}, {pipes.err.get(), POLLIN, 0}, {running.ended().get(), POLLIN, 0}};
  auto move_on = [&](int index) {
    return pump(fds[index].fd, [&](std::span<const std::byte> bytes) {
      write_ours(index + 1, bytes);
      log(index + 1, bytes);
    });
  };
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (::poll(fds, 3, -1) < 0 && errno != EINTR) return;
    bool moved = false;
    for (int index : {0, 1}) {
      if (fds[index].fd < 0 || !fds[index].revents) continue;
      moved = true;
      if (!move_on(index)) fds[index].fd = -1;
    }
    if (fds[2].revents && !moved) return;
  }
}

}  // namespace imgb
