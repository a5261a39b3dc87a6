#include "core/base/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// What the child needs, prepared before the clone: after it nothing may allocate or lock.
struct Launch {
  const char* path;
  int program;
  char* const* argv;
  char* const* env;
  const std::pair<int, int>* fds;  ///< Child's number, our descriptor.
  std::size_t fd_count;
  int first_free;  ///< Above every child's number.
  bool die_with_parent, new_pid_namespace;
  pid_t parent;
  int error = 0;  ///< The child's errno: its memory is ours until it has executed.
};

void default_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);  // KILL and STOP refuse; fine
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Puts the descriptors in their places; everything else closes at exec.
bool place_fds(Launch& launch) {
  std::array<int, 64> moved{};
  for (std::size_t i = 0; i < launch.fd_count; ++i) {
    moved[i] = ::fcntl(launch.fds[i].second, F_DUPFD_CLOEXEC, launch.first_free);
    if (moved[i] < 0) return false;
  }
  if (launch.program >= 0) {
    launch.program = ::fcntl(launch.program, F_DUPFD_CLOEXEC, launch.first_free);
    if (launch.program < 0) return false;
  }
  int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard = 0; null >= 0 && standard < 3; ++standard)
    if (::dup2(null, standard) < 0) return false;
  if (::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return false;
  for (std::size_t i = 0; i < launch.fd_count; ++i)
    if (::dup2(moved[i], launch.fds[i].first) < 0) return false;
  return true;
}

/// Runs in the child, on the parent's memory, while the parent waits (vfork). Async-signal-safe calls only.
int enter_child(void* argument) {
  Launch& launch = *static_cast<Launch*>(argument);
  default_signals();
  if (launch.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!launch.new_pid_namespace && ::getppid() != launch.parent) ::_exit(127);  // it died before the line above
  }
  if (place_fds(launch)) {
    if (launch.program >= 0)
      ::syscall(SYS_execveat, launch.program, "", launch.argv, launch.env, AT_EMPTY_PATH);
    else
      ::execve(launch.path, launch.argv, launch.env);
  }
  launch.error = errno;
  ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

/// A stack for the child alone, given back when it has executed.
class Stack {
 public:
  Stack() : base_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ == MAP_FAILED) throw_errno("memory for a child's stack");
  }
  Stack(const Stack&) = delete;
  ~Stack() { ::munmap(base_, kBytes); }
  void* top() const { return static_cast<char*>(base_) + kBytes; }

 private:
  static constexpr std::size_t kBytes = 256 * 1024;
  void* base_;
};

/// No signal handler of ours may run in the child while it shares our memory.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

std::string program_path(const Spawn& spawn) {
  if (spawn.program) return {};
  const std::string& name = spawn.argv.at(0);
  if (name.find('/') != std::string::npos) return name;
  if (auto found = find_program(name)) return *found;
  throw_error(ErrorKind::not_found, "no program {} in PATH", name);
}

ExitStatus status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.signal = info.si_status};
}

}  // namespace

Child Child::start(const Spawn& spawn) {
  std::string path = program_path(spawn);
  std::vector<char*> argv = pointers(spawn.argv), env = pointers(spawn.env);
  std::vector<std::pair<int, int>> fds(spawn.fds.begin(), spawn.fds.end());
  if (fds.size() > 64) throw_error(ErrorKind::internal, "{} descriptors for one child", fds.size());
  int highest = 2;
  for (const auto& [number, ours] : fds) highest = std::max(highest, number);
  Launch launch{.path = path.c_str(),
                .program = spawn.program ? spawn.program.get() : -1,
                .argv = argv.data(),
                .env = env.data(),
                .fds = fds.data(),
                .fd_count = fds.size(),
                .first_free = highest + 1,
                .die_with_parent = spawn.die_with_parent,
                .new_pid_namespace = (spawn.clone_flags & CLONE_NEWPID) != 0,
                .parent = ::getpid()};
  Stack stack;
  int pidfd = -1;
  pid_t pid;
  {
    BlockedSignals blocked;
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | static_cast<int>(spawn.clone_flags);
    pid = ::clone(enter_child, stack.top(), flags, &launch, &pidfd);
  }
  if (pid < 0) throw_errno("starting {}", spawn.argv.at(0));
  Child child(pid, Fd(pidfd));
  if (launch.error) {
    child.wait();
    if (launch.error == ENOENT && !spawn.program) throw_error(ErrorKind::not_found, "no program {}", path);
    throw SystemError(launch.error, "starting " + spawn.argv.at(0));
  }
  return child;
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0 && errno == EINTR) continue;
}

void Child::signal(int number) const noexcept {
  if (pid_ >= 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

ExitStatus Child::wait() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0)
    if (errno != EINTR) throw_errno("waiting for process {}", pid_);
  pid_ = -1;
  return status_of(info);
}

std::optional<ExitStatus> Child::wait_for(std::chrono::milliseconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{pidfd_.get(), POLLIN, 0};
    int got = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (got > 0) return wait();
    if (got == 0) return std::nullopt;
    if (errno != EINTR) throw_errno("waiting for process {}", pid_);
  }
}

std::optional<std::string> find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  for (std::string_view folder :
       split(path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ':')) {
    if (!folder.starts_with('/')) continue;  // "." and friends: what lies in the present folder is not ours to run
    std::string candidate = fmt::format("{}/{}", folder, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

}  // namespace imgb
