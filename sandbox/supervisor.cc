#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/containers.h"

extern char** environ;

namespace imgb {
namespace {

/// The supervisor's descriptor for its word to the parent.
constexpr int kReportFd = 3;
constexpr std::string_view kReady = "ready\n";
/// A failure is "KIND CODE MESSAGE", and this and the hint after it.
constexpr char kBeforeHint = '\0';

/// All that a container may want as its stop signal; not those that the kernel sends for our own faults and children.
sigset_t passed_signals() {
  sigset_t set;
  ::sigfillset(&set);
  for (int number :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGCHLD, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU})
    ::sigdelset(&set, number);
  return set;
}

/// Output that arrives in one piece is logged as one record.
bool pass_on(const Fd& from, ContainerOwner& owner, ContainerOwner::Stream stream) {
  std::array<std::byte, 32 * 1024> buffer;
  ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  owner.log(stream, std::span(buffer).first(static_cast<std::size_t>(got)));
  return true;
}

Fd blocked_signals() {
  sigset_t wanted = passed_signals();
  ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  Fd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw_errno("taking signals");
  return fd;
}

}  // namespace

std::vector<std::string> start_supervisor(const std::vector<std::string>& words) {
  Pipe report = make_pipe();
  Spawn spawn;
  int self = ::open("/proc/self/exe", O_PATH | O_CLOEXEC);
  if (self < 0) throw_errno("open /proc/self/exe");
  spawn.program = Fd(self);
  spawn.argv = {"imgb"};
  spawn.argv.insert(spawn.argv.end(), words.begin(), words.end());
  for (char** entry = environ; *entry; ++entry) spawn.env.emplace_back(*entry);
  spawn.fds = {{kReportFd, report.write.get()}};
  spawn.die_with_parent = false;
  spawn.new_session = true;
  Child child = Child::start(spawn);
  report.write.reset();
  std::string said = read_all(report.read, 1 << 20, "the supervisor's report");
  child.release();
  if (said.starts_with(kReady)) {
    std::vector<std::string> warnings;
    for (std::string_view line : split(std::string_view(said).substr(kReady.size()), '\n'))
      if (!line.empty()) warnings.emplace_back(line);
    return warnings;
  }
  if (said.empty()) throw_error(ErrorKind::internal, "the container's supervisor ended without a word");
  std::size_t first = said.find(' '), second = said.find(' ', first + 1);
  auto kind = find_unsigned(std::string_view(said).substr(0, first));
  auto exit_code = find_unsigned(std::string_view(said).substr(first + 1, second - first - 1));
  if (!kind || *kind > static_cast<unsigned>(ErrorKind::internal) || !exit_code || *exit_code > 255)
    throw_error(ErrorKind::internal, "{}", printable(said));
  std::string message = said.substr(second + 1), hint;
  if (std::size_t end = message.find(kBeforeHint); end != std::string::npos) {
    hint = message.substr(end + 1);
    message.resize(end);
  }
  throw StartFailure(Error(static_cast<ErrorKind>(*kind), message).set_hint(hint), static_cast<int>(*exit_code));
}

SupervisorReport::SupervisorReport() : to_parent_(kReportFd) {
  ::fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  sigset_t mine = passed_signals();
  ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
}

void SupervisorReport::ready(const std::vector<std::string>& warnings) {
  write_all(to_parent_, std::string(kReady) + join(warnings, "\n"), "the report");
  to_parent_.reset();
}

void SupervisorReport::failed(const Error& error, int exit_code) {
  if (!to_parent_) return;  // the parent has gone with "ready"; the container's state tells the rest
  write_all(
      to_parent_,
      fmt::format("{} {} {}{}{}", static_cast<int>(error.kind()), exit_code, error.what(), kBeforeHint, error.hint()),
      "the report");
  to_parent_.reset();
}

StepResult supervise(ContainerOwner& owner, Running& running, const Fd& out, const Fd& err) {
  Fd signals = blocked_signals();
  bool out_open = out.get() >= 0, err_open = err.get() >= 0;
  for (;;) {
    pollfd ready[4] = {{running.ended().get(), POLLIN, 0},
                       {signals.get(), POLLIN, 0},
                       {out_open ? out.get() : -1, POLLIN, 0},
                       {err_open ? err.get() : -1, POLLIN, 0}};
    if (::poll(ready, 4, -1) < 0 && errno != EINTR) throw_errno("waiting for the container");
    if (ready[2].revents) out_open = pass_on(out, owner, ContainerOwner::Stream::out);
    if (ready[3].revents) err_open = pass_on(err, owner, ContainerOwner::Stream::err);
    signalfd_siginfo info;
    while (ready[1].revents && ::read(signals.get(), &info, sizeof info) == sizeof info)
      running.signal(static_cast<int>(info.ssi_signo));
    // The end counts once everything said before it is logged: pipes are drained while they have something.
    if (ready[0].revents && !(ready[2].revents & POLLIN) && !(ready[3].revents & POLLIN)) break;
  }
  return running.wait();
}

}  // namespace imgb
