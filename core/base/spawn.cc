#include "core/base/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/error.h"
#include "core/base/text.h"

// The child shares our memory until it executes its program (CLONE_VM), while this thread sleeps (CLONE_VFORK):
// starting costs the same however large we are, and a failure is left in a variable, with no pipe. In exchange the
// child may do nothing but system calls on values that were laid out before.
namespace imgb {
namespace {

struct Move {
  int from;
  int to;
  int parked;  ///< Above all targets, so that no dup3 overwrites a source that is still needed.
};

struct Failure {
  const char* at = nullptr;
  int error = 0;
};

#if defined(__SANITIZE_THREAD__)
// Its runtime takes the child for a fork of this thread, and sees no lock of the thread any more once they share
// memory. So they share but this.
constexpr int kShared = 0;
class ChildsFailure {
 public:
  ChildsFailure()
      : place_(::mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (place_ == MAP_FAILED) throw_errno("memory to share with a child");
    new (place_) Failure;
  }
  ChildsFailure(const ChildsFailure&) = delete;
  ~ChildsFailure() { ::munmap(place_, sizeof(Failure)); }
  Failure& get() { return *static_cast<Failure*>(place_); }

 private:
  void* place_;
};
#else
constexpr int kShared = CLONE_VM;
class ChildsFailure {
 public:
  Failure& get() { return failure_; }

 private:
  Failure failure_;
};
#endif

struct Launch {
  const char* path = nullptr;  ///< nullptr: `program_fd` is executed.
  int program_fd = -1;
  std::vector<char*> argv, env;
  std::vector<Move> moves;
  int first_free = 3;     ///< Above every target.
  std::vector<int> kept;  ///< Targets, ascending, 0 to 2 included.
  bool die_with_parent = false, new_session = false;
  int parent_pidfd = -1;
  Failure* failure = nullptr;  ///< Written by the child.
};

int fail(Launch& launch, const char* where) {
  *launch.failure = {where, errno};
  return -1;
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);  // EINVAL: not ours to set
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int place_descriptors(Launch& launch) {
  for (Move& move : launch.moves) {
    move.parked = ::fcntl(move.from, F_DUPFD_CLOEXEC, launch.first_free);
    if (move.parked < 0) return fail(launch, "keep descriptor");
  }
  if (launch.program_fd >= 0) {
    launch.program_fd = ::fcntl(launch.program_fd, F_DUPFD_CLOEXEC, launch.first_free);
    if (launch.program_fd < 0) return fail(launch, "keep program");
  }
  bool named[3] = {};
  for (const Move& move : launch.moves) {
    if (::dup2(move.parked, move.to) < 0) return fail(launch, "place descriptor");
    if (move.to < 3) named[move.to] = true;
  }
  int null = -1;
  for (int fd = 0; fd < 3; ++fd) {
    if (named[fd]) continue;
    if (null < 0) null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return fail(launch, "open /dev/null");
    if (null == fd) null = ::fcntl(fd, F_DUPFD_CLOEXEC, launch.first_free);
    if (null < 0 || ::dup2(null, fd) < 0) return fail(launch, "place /dev/null");
  }
  // Also descriptors that a library forgot to mark are closed by the exec.
  unsigned from = 0;
  for (int kept : launch.kept) {
    unsigned number = static_cast<unsigned>(kept);
    if (number > from && ::syscall(SYS_close_range, from, number - 1, CLOSE_RANGE_CLOEXEC) != 0)
      return fail(launch, "close descriptors");
    from = number + 1;
  }
  if (::syscall(SYS_close_range, from, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return fail(launch, "close descriptors");
  return 0;
}

/// In the child. Async-signal-safe calls only; returns only on failure.
int run_child(void* argument) {
  Launch& launch = *static_cast<Launch*>(argument);
  if (launch.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(launch, "tie to parent");
    // Readable: the parent ended before the line above.
    pollfd parent{launch.parent_pidfd, POLLIN, 0};
    if (::poll(&parent, 1, 0) != 0) ::_exit(127);
  }
  if (launch.new_session) ::setsid();
  reset_signals();
  if (place_descriptors(launch) != 0) return 127;
  if (launch.path) {
    ::execve(launch.path, launch.argv.data(), launch.env.data());
  } else {
    ::syscall(SYS_execveat, launch.program_fd, "", launch.argv.data(), launch.env.data(), AT_EMPTY_PATH);
  }
  fail(launch, "execute");
  return 127;
}

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) {
    if (s.find('\0') != std::string::npos) throw_error(ErrorKind::input, "{:?} holds a NUL byte", printable(s, 256));
    pointers.push_back(const_cast<char*>(s.c_str()));  // execve does not write to them
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::string program_of(const Spawn& spawn) {
  const std::string& word = spawn.argv.at(0);
  if (word.find('/') != std::string::npos) return word;
  if (auto found = find_program(word)) return *found;
  throw_error(ErrorKind::not_found, "no program {:?} in PATH", printable(word, 256));
}

void plan_descriptors(const Spawn& spawn, Launch& launch) {
  launch.kept = {0, 1, 2};
  for (auto [to, from] : spawn.fds) {
    launch.moves.push_back({from, to, -1});
    if (to > 2) launch.kept.push_back(to);  // the map is sorted
    launch.first_free = std::max(launch.first_free, to + 1);
  }
}

/// Blocks every signal of this thread: a handler must not run in the child while it shares our memory.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

SpawnedChild spawn_child(const Spawn& spawn) {
  if (spawn.argv.empty()) throw_error(ErrorKind::internal, "nothing to start");
  Launch launch;
  std::string path;
  if (spawn.program) {
    launch.program_fd = spawn.program.get();
  } else {
    path = program_of(spawn);
    launch.path = path.c_str();
  }
  ChildsFailure failure;
  launch.failure = &failure.get();
  launch.argv = c_strings(spawn.argv);
  launch.env = c_strings(spawn.env);
  plan_descriptors(spawn, launch);
  launch.new_session = spawn.new_session;
  Fd self;
  if (spawn.die_with_parent) {
    self = Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    if (!self) throw_errno("open own pidfd");
    launch.die_with_parent = true;
    launch.parent_pidfd = self.get();
  }

  constexpr std::size_t kStackBytes = 64 * 1024;
  auto stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  int pidfd = -1, flags = kShared | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | static_cast<int>(spawn.clone_flags);
  pid_t pid = -1;
  int error = 0;
  {
    SignalsBlocked blocked;
    pid = ::clone(run_child, stack.get() + kStackBytes, flags, &launch, &pidfd);
    error = errno;
  }
  if (pid < 0) throw SystemError(error, "start " + printable(spawn.argv[0], 256));
  SpawnedChild child{pid, Fd(pidfd)};
  auto [failed_at, why] = failure.get();
  if (!failed_at) return child;
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0 && errno == EINTR) {
  }
  std::string what = fmt::format("start {}: {}", printable(spawn.argv[0], 256), failed_at);
  if (why == ENOENT && std::string_view(failed_at) == "execute")
    throw_error(ErrorKind::not_found, "{}: {}", what, std::strerror(ENOENT));
  throw SystemError(why, what);
}

}  // namespace imgb
