#include "cli/attachment.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "cli/terminal_session.h"
#include "core/base/error.h"

namespace imgb {
namespace {

constexpr std::size_t kChunk = 64 * 1024, kMaxSplice = 1 << 20;
/// What a pipe can hold when its writers are dead; more comes from someone who was left behind.
constexpr std::size_t kMaxLeftover = 1 << 20;

void wait_until_writable(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  ::poll(&ready, 1, -1);
}

bool should_try_again() { return errno == EINTR || errno == EAGAIN; }

void make_nonblocking(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) < 0) throw_errno("setting up a container's input");
}

}  // namespace

/// What the program writes on the way to one of ours.
class Attachment::Output {
 public:
  struct Ends {
    Fd& from;  ///< Closed at its end.
    int to, stream;
  };
  Output(Ends ends, const OutputLog& log, std::exception_ptr& failure, std::function<void()> on_gone)
      : ends_(ends), log_(log), failure_(failure), on_gone_(std::move(on_gone)), spliceable_(!log) {}

  int descriptor() const { return ends_.from.get(); }

  /// There is something, or the end.
  void move() {
    if (!spliceable_) return static_cast<void>(copy());
    ssize_t moved = ::splice(ends_.from.get(), nullptr, ends_.to, nullptr, kMaxSplice, SPLICE_F_MOVE);
    if (moved == 0) return ends_.from.reset();
    if (moved > 0 || errno == EINTR) return;
    if (errno == EAGAIN) return wait_until_writable(ends_.to);
    if (errno != EINVAL) return give_up();
    spliceable_ = false;  // ours is a terminal, or a file that is appended to; or the program's is a terminal
    copy();
  }

  /// What is there when the program has ended.
  void drain() {
    if (!ends_.from) return;
    make_nonblocking(ends_.from);
    for (std::size_t left = kMaxLeftover / kChunk; left > 0 && copy();) --left;
  }

 private:
  /// False: nothing was there.
  bool copy() {
    std::array<std::byte, kChunk> buffer;
    ssize_t got = ::read(ends_.from.get(), buffer.data(), buffer.size());
    if (got < 0 && should_try_again()) return errno == EINTR;
    if (got <= 0) {  // the end of a terminal is EIO
      ends_.from.reset();
      return false;
    }
    auto bytes = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(got));
    if (log_) log_(ends_.stream, bytes);
    if (!gone_) put(bytes);
    return static_cast<bool>(ends_.from);
  }

  void put(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t written = ::write(ends_.to, bytes.data(), bytes.size());
      if (written >= 0)
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      else if (errno == EAGAIN)
        wait_until_writable(ends_.to);
      else if (errno != EINTR)
        return give_up();
    }
  }

  /// Ours takes nothing more. A program with a pipe learns it at its next write.
  void give_up() {
    if (errno != EPIPE && errno != EIO && !failure_)  // EIO: a terminal that is gone
      failure_ = std::make_exception_ptr(
          SystemError(errno, ends_.to == STDOUT_FILENO ? "writing to standard output" : "writing to standard error"));
    gone_ = true;
    if (on_gone_)
      on_gone_();
    else
      ends_.from.reset();
  }

  Ends ends_;
  const OutputLog& log_;
  std::exception_ptr& failure_;
  std::function<void()> on_gone_;  ///< Instead of closing: what comes is thrown away.
  bool spliceable_, gone_ = false;
};

/// Our input on the way to the program, which may never read it: nothing here blocks.
class Attachment::Input {
 public:
  explicit Input(Fd& to) : to_(to) {}

  pollfd ours() const { return {to_ && pending_.empty() ? STDIN_FILENO : -1, POLLIN, 0}; }
  /// Without events it tells only that nobody reads any more.
  pollfd theirs() const { return {to_.get(), static_cast<short>(pending_.empty() ? 0 : POLLOUT), 0}; }

  void take() {
    pending_.resize(kChunk);
    ssize_t got = ::read(STDIN_FILENO, pending_.data(), pending_.size());
    if (got == 0 || (got < 0 && !should_try_again())) to_.reset();
    pending_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }

  void give(short ready) {
    if (ready & (POLLERR | POLLHUP)) return to_.reset();
    ssize_t written = ::write(to_.get(), pending_.data(), pending_.size());
    if (written > 0) pending_.erase(pending_.begin(), pending_.begin() + written);
    if (written < 0 && !should_try_again()) to_.reset();
  }

 private:
  Fd& to_;
  std::vector<std::byte> pending_;
};

Attachment::Attachment(Wants wants) : wants_(wants) {
  if (wants_.tty) return;
  for (Pipe& pipe : out_) pipe = make_pipe();
  if (wants_.interactive) in_ = make_pipe();
}

StepIo Attachment::io() const {
  StepIo io{in_.read.get(), out_[0].write.get(), out_[1].write.get()};
  winsize size{};
  if (wants_.tty && ::ioctl(wants_.terminal_output, TIOCGWINSZ, &size) == 0) {
    io.rows = size.ws_row;
    io.columns = size.ws_col;
  }
  return io;
}

void Attachment::serve(Running& running, const OutputLog& log) {
  if (wants_.tty) return serve_terminal(running, log);
  in_.read.reset();
  for (Pipe& pipe : out_) pipe.write.reset();
  if (in_.write) make_nonblocking(in_.write);
  Input input(in_.write);
  Output outputs[] = {{{out_[0].read, STDOUT_FILENO, 1}, log, failure_, {}},
                      {{out_[1].read, STDERR_FILENO, 2}, log, failure_, {}}};
  move(running.ended(), input, outputs);
}

void Attachment::serve_terminal(Running& running, const OutputLog& log) {
  RawTerminal raw(wants_.interactive ? STDIN_FILENO : -1);
  copy_terminal_size(wants_.terminal_output, running);
  // Two descriptors of one terminal: each way ends by itself.
  Fd keys, screen = running.terminal().duplicate();
  if (wants_.interactive) keys = screen.duplicate();
  make_nonblocking(screen);
  Input input(keys);
  Output outputs[] = {{{screen, wants_.terminal_output, 1}, log, failure_, [&running] { running.signal(SIGHUP); }}};
  move(running.ended(), input, outputs);
}

void Attachment::move(const Fd& ended, Input& input, std::span<Output> outputs) {
  for (;;) {
    std::vector<pollfd> fds = {{ended.get(), POLLIN, 0}, input.ours(), input.theirs()};
    for (const Output& output : outputs) fds.push_back({output.descriptor(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw_errno("waiting for a container");
    }
    if (fds[0].revents) break;
    if (fds[2].revents)
      input.give(fds[2].revents);
    else if (fds[1].revents)
      input.take();
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (fds[3 + i].revents) outputs[i].move();
  }
  for (Output& output : outputs) output.drain();
}

void Attachment::check() const {
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace imgb
