// fault_at: runs a program with all its children under ptrace and lets one thing go wrong at the N-th call that changes
// something, counted over all its processes and threads in the order they come. (strace counts for each thread apart,
// so that it cannot name most of a parallel program's calls.)
//
//   fault_at REPORT N ACTION PROGRAM [ARGUMENT...]
//     ACTION  kill       SIGKILL for the process that makes the call, before the call
//             kill-main  SIGKILL for PROGRAM itself
//             kill-rest  SIGKILL for all that PROGRAM started, whatever they do just then
//             a number   the call fails with that errno and does nothing
//     N       0: nothing goes wrong, the calls are counted
//   REPORT gets one line: "<process id> <calls counted> <name and process of the call that was hit, or -> <processes
//   left over>".
// Exits as PROGRAM did (128 + signal when killed). Whatever still runs kLinger after PROGRAM has ended is left over,
// and killed. Programs of a RUN step (busybox) are not counted: they are not ours.
#include <elf.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr auto kLinger = std::chrono::seconds(10);
constexpr auto kLimit = std::chrono::seconds(120);

struct Call {
  long number;
  const char* name;
};
#define IMGB_CALL(name) \
  Call { SYS_##name, #name }
constexpr std::array kCalls = {
    IMGB_CALL(write),
    IMGB_CALL(pwrite64),
    IMGB_CALL(writev),
    IMGB_CALL(sendmsg),
    IMGB_CALL(sendto),
    IMGB_CALL(ftruncate),
    IMGB_CALL(fallocate),
    IMGB_CALL(copy_file_range),
    IMGB_CALL(rename),
    IMGB_CALL(renameat),
    IMGB_CALL(renameat2),
    IMGB_CALL(linkat),
    IMGB_CALL(symlinkat),
    IMGB_CALL(mknodat),
    IMGB_CALL(mkdir),
    IMGB_CALL(mkdirat),
    IMGB_CALL(unlink),
    IMGB_CALL(unlinkat),
    IMGB_CALL(fsync),
    IMGB_CALL(fdatasync),
    IMGB_CALL(sync_file_range),
    IMGB_CALL(syncfs),
    IMGB_CALL(fchmod),
    IMGB_CALL(fchmodat),
    IMGB_CALL(fchown),
    IMGB_CALL(fchownat),
    IMGB_CALL(utimensat),
    IMGB_CALL(fsetxattr),
    IMGB_CALL(open),
    IMGB_CALL(openat),
    IMGB_CALL(openat2),
    IMGB_CALL(flock),
    IMGB_CALL(mount),
    IMGB_CALL(umount2),
    IMGB_CALL(move_mount),
    IMGB_CALL(open_tree),
    IMGB_CALL(fsopen),
    IMGB_CALL(fsconfig),
    IMGB_CALL(fsmount),
    IMGB_CALL(mount_setattr),
    IMGB_CALL(pivot_root),
    IMGB_CALL(unshare),
    IMGB_CALL(setns),
    IMGB_CALL(clone3),
    IMGB_CALL(memfd_create),
    IMGB_CALL(ioctl),
};
#undef IMGB_CALL

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(125);
}

/// Stops at the calls above and at no other, so that the rest runs at full speed.
void install_filter() {
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (std::size_t i = 0; i < kCalls.size(); ++i) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(kCalls[i].number),
                            static_cast<unsigned char>(kCalls.size() - i), 0));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) die("seccomp");
}

class Tracer {
 public:
  Tracer(pid_t main, long at, std::string action) : main_(main), at_(at), action_(std::move(action)) {}

  int run() {
    while (auto event = next()) handle(event->first, event->second);
    return code_;
  }
  std::string report() const {
    std::string left;
    for (const std::string& one : left_over_) left += " " + one;
    return std::to_string(main_) + " " + std::to_string(count_) + " " + hit_ + left + "\n";
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<std::pair<pid_t, int>> next() {
    for (;;) {
      int status = 0;
      pid_t pid = ::waitpid(-1, &status, __WALL | WNOHANG);
      if (pid > 0) return std::pair(pid, status);
      if (pid < 0 && errno == ECHILD) return std::nullopt;
      if (Clock::now() > deadline_) kill_the_rest();
      sigset_t child;
      ::sigemptyset(&child);
      ::sigaddset(&child, SIGCHLD);
      timespec wait{0, 20'000'000};
      ::sigtimedwait(&child, nullptr, &wait);
    }
  }

  void kill_the_rest() {
    for (pid_t pid : alive_) {
      left_over_.insert(text_of(pid, "comm") + "(" + std::to_string(pid) + ")");
      ::kill(pid, SIGKILL);
    }
    deadline_ = Clock::now() + kLinger;
  }

  void handle(pid_t pid, int status) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      alive_.erase(pid);
      if (pid != main_) return;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      deadline_ = Clock::now() + kLinger;
      return;
    }
    if (!WIFSTOPPED(status)) return;
    alive_.insert(pid);
    int event = status >> 16, signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_SECCOMP) {
      at_call(pid);
      ::ptrace(PTRACE_CONT, pid, 0, 0);
    } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
      ::ptrace(PTRACE_LISTEN, pid, 0, 0);
    } else {
      ::ptrace(PTRACE_CONT, pid, 0, event ? 0 : signal);
    }
  }

  void at_call(pid_t pid) {
    user_regs_struct regs{};
    if (::ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0) return;
    auto number = static_cast<long>(regs.orig_rax);
    if (!changes_something(pid, number, regs) || text_of(pid, "comm") == "busybox" || is_step_program(pid)) return;
    if (++count_ != at_) return;
    hit_ = std::string(name_of(number)) + "@" + text_of(pid, "comm") + (is_main(pid) ? "" : "(child)");
    if (action_ == "kill") {
      ::kill(pid, SIGKILL);
    } else if (action_ == "kill-main") {
      ::kill(main_, SIGKILL);
    } else if (action_ == "kill-rest") {
      for (pid_t one : alive_)
        if (!is_main(one)) ::kill(one, SIGKILL);
    } else {
      regs.orig_rax = ~0ULL;
      regs.rax = static_cast<unsigned long long>(-std::atol(action_.c_str()));
      ::ptrace(PTRACE_SETREGS, pid, 0, &regs);
    }
  }

  static const char* name_of(long number) {
    for (const Call& call : kCalls)
      if (call.number == number) return call.name;
    return "?";
  }

  /// A write to one cannot fail, and changes nothing that outlives the process.
  static bool is_eventfd(pid_t pid, unsigned long long fd) {
    char target[64] = {};
    std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
    return ::readlink(path.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "eventfd");
  }

  /// Opening changes something when it makes a file; ioctl when it is none of the terminal's.
  static bool changes_something(pid_t pid, long number, const user_regs_struct& regs) {
    unsigned long long flags = 0;
    if (number == SYS_write) return !is_eventfd(pid, regs.rdi);
    if (number == SYS_open) {
      flags = regs.rsi;
    } else if (number == SYS_openat) {
      flags = regs.rdx;
    } else if (number == SYS_openat2) {
      flags = static_cast<unsigned long long>(::ptrace(PTRACE_PEEKDATA, pid, regs.rdx, 0));
    } else {
      return number != SYS_ioctl || (regs.rsi & 0xFF00) != 0x5400;
    }
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  }

  static std::string text_of(pid_t pid, const char* file) {
    std::string path = "/proc/" + std::to_string(pid) + "/" + file;
    char text[64] = {};
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "?";
    ssize_t got = ::read(fd, text, sizeof text - 1);
    ::close(fd);
    std::string out(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!out.empty() && (out.back() == '\n' || out.back() == '\0')) out.pop_back();
    return out;
  }
  static bool is_step_program(pid_t pid) {
    char target[256] = {};
    std::string path = "/proc/" + std::to_string(pid) + "/exe";
    ssize_t got = ::readlink(path.c_str(), target, sizeof target - 1);
    return got > 0 && std::strstr(target, "busybox");
  }
  bool is_main(pid_t pid) const {
    std::string path = "/proc/" + std::to_string(main_) + "/task/" + std::to_string(pid);
    return ::access(path.c_str(), F_OK) == 0;
  }

  pid_t main_;
  long at_, count_ = 0;
  std::string action_, hit_ = "-";
  std::set<pid_t> alive_;
  std::set<std::string> left_over_;
  Clock::time_point deadline_ = Clock::now() + kLimit;
  int code_ = 125;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 125;
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  pid_t pid = ::fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    ::sigprocmask(SIG_UNBLOCK, &child, nullptr);
    ::raise(SIGSTOP);
    install_filter();
    ::execv(argv[4], argv + 4);
    die(argv[4]);
  }
  int status = 0;
  if (::waitpid(pid, &status, WUNTRACED) != pid) die("wait");
  long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                 PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SEIZE, pid, 0, options) < 0) die("ptrace");
  ::kill(pid, SIGCONT);
  Tracer tracer(pid, std::atol(argv[2]), argv[3]);
  int code = tracer.run();
  std::string report = tracer.report();
  int out = ::open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0 || ::write(out, report.data(), report.size()) != static_cast<ssize_t>(report.size())) die(argv[1]);
  return code;
}
