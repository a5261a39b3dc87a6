#include "core/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <thread>

#include "core/base/error.h"
#include "core/base/spawn.h"
#include "core/base/stream.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Clock = std::chrono::steady_clock;

/// Milliseconds for poll(2), rounded up so that it does not spin at the end.
int poll_milliseconds(Clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1 << 30));
}

ExitStatus reap(const Fd& pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0)
    if (errno != EINTR) throw_errno("wait for child");
  if (info.si_code == CLD_EXITED) return {info.si_status, 0};
  return {0, info.si_status};
}

}  // namespace

class Child::Keeper {
 public:
  /// Runs spawn_child on a thread that stays until this object is destroyed.
  Keeper(const Spawn& spawn, SpawnedChild& child) {
    std::exception_ptr failure;
    thread_ = std::thread([&] {
      std::atomic_flag& leave = leave_;
      try {
        child = spawn_child(spawn);
      } catch (...) {
        failure = std::current_exception();
      }
      started_.test_and_set();
      started_.notify_one();  // it may be woken before, and go on: so the flag is not on its stack
      leave.wait(false);
    });
    started_.wait(false);
    if (!failure) return;
    stop();
    std::rethrow_exception(failure);
  }
  Keeper(const Keeper&) = delete;
  ~Keeper() { stop(); }

 private:
  void stop() {
    leave_.test_and_set();
    leave_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  std::atomic_flag started_, leave_;
  std::thread thread_;
};

Child::Child(pid_t pid, Fd pidfd, std::unique_ptr<Keeper> keeper)
    : pid_(pid), pidfd_(std::move(pidfd)), keeper_(std::move(keeper)) {}
Child::Child(Child&& other) noexcept = default;

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  kill_and_reap();
  pid_ = other.pid_;
  pidfd_ = std::move(other.pidfd_);
  keeper_ = std::move(other.keeper_);
  return *this;
}

Child::~Child() { kill_and_reap(); }

Child Child::start(const Spawn& spawn) {
  SpawnedChild child;
  std::unique_ptr<Keeper> keeper;
  if (spawn.die_with_parent) {
    keeper = std::make_unique<Keeper>(spawn, child);
  } else {
    child = spawn_child(spawn);
  }
  return Child(child.pid, std::move(child.pidfd), std::move(keeper));
}

void Child::kill_and_reap() noexcept {
  if (!pidfd_) return;
  signal(SIGKILL);
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pidfd_.reset();
}

void Child::signal(int number) const noexcept {
  if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

void Child::release() noexcept {
  pidfd_.reset();
  keeper_.reset();
}

ExitStatus Child::wait() {
  if (!pidfd_) throw_error(ErrorKind::internal, "child {} was waited for twice", pid_);
  ExitStatus status = reap(pidfd_);
  pidfd_.reset();
  keeper_.reset();
  return status;
}

std::optional<ExitStatus> Child::wait_for(std::chrono::milliseconds limit) {
  if (!pidfd_) throw_error(ErrorKind::internal, "child {} was waited for twice", pid_);
  auto deadline = Clock::now() + limit;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  for (;;) {
    int ready = ::poll(&ended, 1, poll_milliseconds(deadline));
    if (ready > 0) return wait();
    if (ready == 0) return std::nullopt;
    if (errno != EINTR) throw_errno("wait for child {}", pid_);
  }
}

namespace {

/// Takes what a pipe has now; false at its end.
bool drain(Fd& pipe, std::string& into, std::size_t max_bytes, const std::string& name) {
  char buffer[16384];
  for (;;) {
    ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
    if (got == 0) return false;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got < 0) throw_errno("read output of {}", name);
    if (static_cast<std::size_t>(got) > max_bytes - into.size())
      throw_error(ErrorKind::unavailable, "{} printed more than {} bytes", name, max_bytes);
    into.append(buffer, static_cast<std::size_t>(got));
  }
}

/// Both ends of the output are read until the child has ended; what its own children may still print is not awaited.
Output collect(Child& child, Fd out, Fd err, Clock::time_point deadline, std::size_t max_bytes,
               const std::string& name) {
  Output output;
  for (;;) {
    pollfd polls[] = {{child.pidfd().get(), POLLIN, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    int ready = ::poll(polls, 3, poll_milliseconds(deadline));
    if (ready < 0 && errno != EINTR) throw_errno("wait for {}", name);
    if (ready == 0) throw_error(ErrorKind::unavailable, "{} did not end in time", name);
    if (ready < 0) continue;
    if (polls[1].revents && !drain(out, output.out, max_bytes, name)) out.reset();
    if (polls[2].revents && !drain(err, output.err, max_bytes, name)) err.reset();
    if (!polls[0].revents) continue;
    if (out) drain(out, output.out, max_bytes, name);
    if (err) drain(err, output.err, max_bytes, name);
    output.status = child.wait();
    return output;
  }
}

}  // namespace

Output run_helper(std::vector<std::string> argv, std::string_view input, std::chrono::milliseconds limit,
                  std::size_t max_bytes) {
  auto deadline = Clock::now() + limit;
  // A file in memory instead of a pipe: a helper that does not read its input can neither block nor signal us.
  Fd in = make_memfd("input");
  write_all(in, input, "input");
  if (::lseek(in.get(), 0, SEEK_SET) != 0) throw_errno("rewind input");
  Pipe out = make_pipe(), err = make_pipe();
  for (const Fd* end : {&out.read, &err.read})
    if (::fcntl(end->get(), F_SETFL, O_NONBLOCK) != 0) throw_errno("make a pipe non-blocking");
  Spawn spawn;
  spawn.argv = std::move(argv);
  for (char** variable = ::environ; *variable; ++variable) spawn.env.emplace_back(*variable);
  spawn.fds = {{0, in.get()}, {1, out.write.get()}, {2, err.write.get()}};
  Child child = Child::start(spawn);
  out.write.reset();
  err.write.reset();
  return collect(child, std::move(out.read), std::move(err.read), deadline, max_bytes,
                 printable(spawn.argv.at(0), 256));
}

std::optional<std::string> find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  if (!path) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (name.empty() || name.find('/') != std::string_view::npos) return std::nullopt;
  for (std::string_view folder : split(path, ':')) {
    if (!folder.starts_with('/')) continue;
    std::string program = std::string(folder).append("/").append(name);
    if (::faccessat(AT_FDCWD, program.c_str(), X_OK, AT_EACCESS) != 0) continue;
    std::error_code problem;
    if (std::filesystem::is_regular_file(program, problem)) return program;
  }
  return std::nullopt;
}

}  // namespace imgb
