#include "sandbox/stub/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>

#include "sandbox/stub/attributes.h"
#include "sandbox/stub/confine.h"
#include "sandbox/stub/descendants.h"

namespace imgb::stub {
namespace {

constexpr std::size_t kMaxWords = 1 << 20, kMaxGroups = 65536;
constexpr std::size_t kStackBytes = 64 * 1024;

/// Words of the plan as execve wants them; the bytes stay where they are.
const char** read_words(PlanReader& plan, const Control& control) {
  std::uint32_t count = plan.number();
  if (count > kMaxWords) control.fail(Failure::system, E2BIG, "reading the plan");
  auto* words = static_cast<const char**>(::sbrk(static_cast<intptr_t>((count + 1) * sizeof(char*))));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what sbrk gives when there is none
  if (words == reinterpret_cast<const char**>(-1)) control.fail("memory for arguments");
  for (std::uint32_t i = 0; i < count; ++i) words[i] = plan.text().data();
  words[count] = nullptr;
  return words;
}

struct Limit {
  int resource;
  rlimit64 values;
  bool required;
};

struct Process {
  const char** argv;
  const char** env;
  const char* cwd;
  std::uint32_t uid, gid;
  std::uint32_t group_count;
  const std::uint32_t* groups;
  std::uint64_t capabilities;
  bool no_new_privileges, tty;
  unsigned rows, columns;
  std::uint32_t limit_count;
  Limit limits[RLIM_NLIMITS];
  std::string_view apparmor, selinux;
  sock_fprog filter;
  int root;
  const int* stdio;
  const Control* control;
};

void read_limits(PlanReader& plan, Process& process, const Control& control) {
  process.limit_count = plan.number();
  if (process.limit_count > RLIM_NLIMITS) control.fail(Failure::system, E2BIG, "reading the plan");
  for (std::uint32_t i = 0; i < process.limit_count; ++i) {
    Limit& limit = process.limits[i];
    limit.resource = static_cast<int>(plan.number());
    limit.values.rlim_cur = plan.wide();
    limit.values.rlim_max = plan.wide();
    limit.required = plan.flag();
  }
}

/// Of the program alone: process 1 lives by the host's.
void set_limits(const Process& process) {
  const Control& control = *process.control;
  for (std::uint32_t i = 0; i < process.limit_count; ++i) {
    auto [resource, limit, required] = process.limits[i];
    rlimit64 now{};
    control.check(::getrlimit64(static_cast<__rlimit_resource>(resource), &now), "reading a limit");
    if (limit.rlim_max > now.rlim_max && !required) limit.rlim_max = now.rlim_max;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    control.check(::setrlimit64(static_cast<__rlimit_resource>(resource), &limit), "setting a limit");
  }
}

Process read_process(PlanReader& plan, const int* stdio, int root, const Control& control) {
  Process process{};
  process.root = root;
  process.stdio = stdio;
  process.control = &control;
  process.argv = read_words(plan, control);
  process.env = read_words(plan, control);
  process.cwd = plan.text().data();
  process.uid = plan.number();
  process.gid = plan.number();
  static std::uint32_t groups[kMaxGroups];
  process.groups = groups;
  process.group_count = plan.number();
  if (process.group_count > kMaxGroups) control.fail(Failure::system, E2BIG, "reading the plan");
  for (std::uint32_t i = 0; i < process.group_count; ++i) groups[i] = plan.number();
  process.capabilities = plan.wide();
  process.no_new_privileges = plan.flag();
  process.tty = plan.flag();
  process.rows = plan.number();
  process.columns = plan.number();
  read_limits(plan, process, control);
  process.apparmor = plan.text();
  process.selinux = plan.text();
  std::string_view filter = plan.text();
  // The kernel reads the program in place, so it must be aligned: copied to memory of our own.
  static sock_filter code[8192];
  if (filter.size() > sizeof code) control.fail(Failure::system, E2BIG, "reading the seccomp filter");
  __builtin_memcpy(code, filter.data(), filter.size());
  process.filter = {.len = static_cast<unsigned short>(filter.size() / sizeof(sock_filter)), .filter = code};
  return process;
}

int set_capabilities(std::uint64_t permitted, std::uint64_t effective) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; ++half) {
    data[half].permitted = static_cast<std::uint32_t>(permitted >> (32 * half));
    data[half].effective = static_cast<std::uint32_t>(effective >> (32 * half));
  }
  return static_cast<int>(::syscall(SYS_capset, &header, data));
}

/// What we have, and so can hand on: a host may have taken some from root.
std::uint64_t own_capabilities(const Control& control) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  control.check(static_cast<int>(::syscall(SYS_capget, &header, data)), "reading capabilities");
  return data[0].permitted | static_cast<std::uint64_t>(data[1].permitted) << 32;
}

int last_capability() {
  int last = 0;
  while (last < 63 && ::prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0) ++last;
  return last;
}

/// What the bounding set was limited to by this process or the one that it comes from.
std::uint64_t limited_to = ~std::uint64_t{0};

void limit_bounding_set(std::uint64_t keep, const Control& control) {
  if (keep == limited_to) return;
  for (int number = 0, last = last_capability(); number <= last; ++number)
    if (!(keep >> number & 1)) control.check(::prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "dropping capabilities");
  limited_to = keep;
}

/// The terminal of the world's own devpts: never a name of the image (V77). Its other side goes to imgb.
int open_terminal(const Control& control) {
  int ours = control.check(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW), "opening a terminal");
  int unlock = 0;
  control.check(::ioctl(ours, TIOCSPTLCK, &unlock), "unlocking the terminal");
  int theirs = control.check(::ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "opening the terminal");
  control.report(Report::terminal, {}, ours);
  ::close(ours);
  return theirs;
}

/// security.md 3.2, 8. A kernel without keys has none to share, and whoever is forbidden to ask for a keyring of its
/// own cannot use one either; but one that could not be made would leave the host's in place.
void leave_session_keyring(const Control& control) {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM)
    control.fail("leaving the session keyring");
}

void set_stdio(const Process& process) {
  const Control& control = *process.control;
  int terminal = process.tty ? open_terminal(control) : -1;
  if (process.tty) {
    ::fchown(terminal, process.uid, static_cast<gid_t>(-1));  // a single-id map has root alone: his it stays
    control.check(::ioctl(terminal, TIOCSCTTY, 0), "taking the terminal");
    winsize size{};
    size.ws_row = static_cast<unsigned short>(process.rows);
    size.ws_col = static_cast<unsigned short>(process.columns);
    control.check(::ioctl(terminal, TIOCSWINSZ, &size), "setting the terminal's size");
  }
  for (int number = 0; number < 3; ++number)
    control.check(::dup2(process.tty ? terminal : process.stdio[number], number), "placing stdin, stdout and stderr");
}

void become_user(const Process& process) {
  const Control& control = *process.control;
  control.check(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keeping capabilities");
  // Raw calls: glibc's would signal threads it believes to exist. EPERM: a map of one id forbids setgroups, and no
  // other group could be had in it anyway.
  bool own_alone = process.group_count == 0 || (process.group_count == 1 && process.groups[0] == process.gid);
  if (::syscall(SYS_setgroups, process.group_count, process.groups) < 0 && !(errno == EPERM && own_alone))
    control.fail("setting groups");
  control.check(static_cast<int>(::syscall(SYS_setresgid, process.gid, process.gid, process.gid)), "setting the group");
  control.check(static_cast<int>(::syscall(SYS_setresuid, process.uid, process.uid, process.uid)), "setting the user");
  control.check(::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), "keeping capabilities");
  if (!hide_process()) control.fail("hiding the process");  // changing ids may have undone it
}

void install_filter(const sock_fprog& filter, const Control& control) {
  if (!filter.len) return;
  sock_fprog copy = filter;
  long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &copy);
  // The older way in: a container's filter may know that one alone.
  if (done < 0 && (errno == ENOSYS || errno == EPERM)) done = ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &copy, 0, 0);
  if (done < 0) control.fail("installing the seccomp filter");
}

/// security.md 3.2: after chdir the current folder must be reachable from "/", or it is a descriptor that leaked.
void enter_cwd(const Process& process) {
  const Control& control = *process.control;
  if (::chdir(process.cwd) < 0 && errno != EACCES) control.fail("entering the working folder", process.cwd);
  char where[4096];
  long size = ::syscall(SYS_getcwd, where, sizeof where);
  if (size < 0 && errno == ERANGE) return;  // longer than PATH_MAX: the kernel walked it from the root
  if (size < 0 || where[0] != '/') control.fail(Failure::bad_target, ENOENT, "working folder", process.cwd);
}

[[noreturn]] void execute(const Process& process) {
  const char* name = process.argv[0];
  if (!name) process.control->fail(Failure::no_program, ENOENT, "no command given");
  std::string_view word = name;
  if (word.find('/') != std::string_view::npos) {
    ::execve(name, const_cast<char**>(process.argv), const_cast<char**>(process.env));
    int error = errno;
    process.control->fail(error == ENOENT || error == ENOTDIR ? Failure::no_program : Failure::not_executable, error,
                          "executing", name);
  }
  std::string_view path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const char** entry = process.env; *entry; ++entry)
    if (std::string_view(*entry).starts_with("PATH=")) path = std::string_view(*entry).substr(5);
  int error = ENOENT;
  while (!path.empty()) {
    std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(folder.size() < path.size() ? folder.size() + 1 : path.size());
    Text candidate;
    candidate << folder << (folder.empty() ? "" : "/") << word;
    ::execve(candidate.c_str(), const_cast<char**>(process.argv), const_cast<char**>(process.env));
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  process.control->fail(error == ENOENT ? Failure::no_program : Failure::not_executable, error, "executing", name);
}

/// The order is security.md 3.2, 8 to 14.
int become(void* argument) {
  Process& process = *static_cast<Process*>(argument);
  const Control& control = *process.control;
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  leave_session_keyring(control);
  ::setsid();
  set_stdio(process);
  ::umask(022);
  process.capabilities &= own_capabilities(control);
  // Where that right was taken from us, no_new_privs sees to it that nothing is gained (--isolation=chroot).
  if (process.root < 0 || own_capabilities(control) >> CAP_SETPCAP & 1)
    limit_bounding_set(process.capabilities, control);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  label_next_program(process.apparmor, process.selinux, control);
  if (process.root >= 0) enter_root(process.root, control);
  control.check(::chdir(process.cwd), "entering the working folder", process.cwd);
  set_limits(process);
  become_user(process);
  if (::syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0) control.fail("closing descriptors");
  if (process.no_new_privileges) control.check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  if (!process.no_new_privileges)  // the filter may be installed by whoever may administrate
    control.check(set_capabilities(process.capabilities | 1ULL << CAP_SYS_ADMIN, 1ULL << CAP_SYS_ADMIN),
                  "keeping capabilities");
  if (process.root >= 0) forbid_what_is_outside(process.root, control);
  install_filter(process.filter, control);
  std::uint64_t effective = process.uid == 0 ? process.capabilities : 0;
  control.check(set_capabilities(process.capabilities, effective), "setting capabilities");
  enter_cwd(process);
  execute(process);
}

}  // namespace

void limit_capabilities(std::uint64_t keep, const Control& control) {
  limit_bounding_set(keep & own_capabilities(control), control);
}

pid_t start_process(PlanReader& plan, const int* stdio, int root, const Control& control) {
  Process process = read_process(plan, stdio, root, control);
  alignas(16) static char stack[kStackBytes];
  // As vfork: we go on when the child has executed its program, or has reported why not and ended.
  pid_t child = ::clone(become, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &process);
  if (child < 0) control.fail("starting the main process");
  if (control.failed()) ::_exit(1);
  return child;
}

void drop_to_init(const Control& control) {
  std::uint64_t kept = 1ULL << CAP_KILL & own_capabilities(control);
  control.check(set_capabilities(kept, kept), "dropping capabilities");
}

void serve(pid_t main_process, Rest rest, const Control& control) {
  sigset_t watched;
  ::sigemptyset(&watched);
  ::sigaddset(&watched, SIGCHLD);
  int children = control.check(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK), "watching children");
  pollfd ready[2] = {{children, POLLIN, 0}, {control.socket(), POLLIN, 0}};
  for (;;) {
    for (;;) {  // reap first: a child may have ended before its signal was watched
      int status = 0;
      pid_t ended = ::waitpid(-1, &status, WNOHANG | __WALL);
      if (ended <= 0) break;
      if (ended != main_process) continue;
      if (rest == Rest::is_killed) kill_descendants();
      ExitReport report{WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0};
      control.report(Report::exited, {reinterpret_cast<const char*>(&report), sizeof report});
      ::_exit(0);
    }
    if (::poll(ready, 2, -1) < 0) continue;
    signalfd_siginfo taken;
    while (::read(children, &taken, sizeof taken) > 0) continue;
    if (!(ready[1].revents & (POLLIN | POLLHUP))) continue;
    if (rest == Rest::is_killed) kill_descendants();
    ::kill(-main_process, SIGKILL);  // imgb is gone, or wants no more; its group: a joined world goes on without us
    ::_exit(1);
  }
}

}  // namespace imgb::stub
