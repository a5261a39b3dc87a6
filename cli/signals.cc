#include "cli/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "core/base/error.h"

namespace imgb {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : signals) sigaddset(&set, number);
  return set;
}

}  // namespace

void prepare_process() {
  // A closed standard output takes no result: writing there must fail, not vanish.
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) < 0)
      ::_exit(125);
  for (int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
  rlimit core{};
  if (::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur != 0) {
    core.rlim_cur = 0;
    ::setrlimit(RLIMIT_CORE, &core);
  }
}

SignalWatch::SignalWatch(std::initializer_list<int> signals) {
  sigset_t set = set_of(signals);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC));
  quit_ = Fd(::eventfd(0, EFD_CLOEXEC));
  if (!signals_ || !quit_) throw_errno("watching for signals");
  thread_ = std::jthread([this] { watch(); });
}

void SignalWatch::forward(std::function<void(int)> on_signal) {
  forward_.with([&](Forward& forward) {
    forward.to = std::move(on_signal);
    if (!forward.to) return;
    for (int number : std::exchange(forward.early, {})) forward.to(number);
  });
}

void SignalWatch::watch() {
  pollfd fds[2] = {{signals_.get(), POLLIN, 0}, {quit_.get(), POLLIN, 0}};
  while (true) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents) return;
    signalfd_siginfo info{};
    if (fds[0].revents && ::read(signals_.get(), &info, sizeof info) == sizeof info)
      take(static_cast<int>(info.ssi_signo));
  }
}

void SignalWatch::take(int number) {
  bool forwarded = forward_.with([&](Forward& forward) {
    if (forward.to)
      forward.to(number);
    else if (std::ranges::find(forward.early, number) == forward.early.end())
      forward.early.push_back(number);
    return static_cast<bool>(forward.to);
  });
  if (forwarded || (number != SIGINT && number != SIGTERM && number != SIGHUP && number != SIGQUIT)) return;
  int none = 0;
  first_.compare_exchange_strong(none, number);
  if (stop_.request_stop()) return;
  std::signal(number, SIG_DFL);
  ::kill(::getpid(), number);
  sigset_t set = set_of({number});
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

SignalWatch::~SignalWatch() {
  std::uint64_t one = 1;
  if (::write(quit_.get(), &one, sizeof one) != sizeof one) std::terminate();
}

}  // namespace imgb
