#include <poll.h>
#include <sys/ipc.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "tests/system/sandbox/probe/probe.h"

namespace probe {

void try_processes() {
  report("P5.ptrace", error_of(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr)));
  char bytes[16];
  iovec here{bytes, sizeof bytes}, there{reinterpret_cast<void*>(0x400000), sizeof bytes};
  report("P5.vm_readv", error_of(::process_vm_readv(1, &here, 1, &there, 1, 0)));
  ::kill(1, SIGKILL);  // from inside it has no effect; were it otherwise, nothing below would be printed
  report("P28.kill_init", 0);
  const char* host_pid = std::getenv("HOST_PID");
  report("P28.pidfd_host", error_of(::syscall(SYS_pidfd_open, host_pid ? std::atoi(host_pid) : 99999, 0)));
  report("P28.pidfd_getfd", error_of(::syscall(SYS_pidfd_getfd, 0, 0, 0)));
  report("P29.shm", error_of(::shmget(0x696d6762, 0, 0)));
}

void try_every_call() {
  for (long number = 0; number <= 460; ++number) {
    int ends[2];
    if (::pipe(ends) < 0) return;
    pid_t child = ::fork();
    if (child == 0) {
      // Arguments that nothing can be done with: bad pointers, bad descriptors, no process.
      long result = ::syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
      int error = result == -1 ? errno : 0;
      if (::write(ends[1], &error, sizeof error) < 0) ::_exit(1);
      ::_exit(0);
    }
    ::close(ends[1]);
    // A pidfd becomes readable when this very child ends; a SIGCHLD could be one that an earlier child left pending.
    int ended = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    pollfd waited{.fd = ended, .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, 200) == 0) ::kill(child, SIGKILL);
    ::close(ended);
    while (::waitpid(-1, nullptr, 0) > 0) continue;
    int error = 0;  // no answer: it was let through, and waits or has ended the child
    if (::read(ends[0], &error, sizeof error) < 0) error = 0;
    ::close(ends[0]);
    std::printf("%ld %d\n", number, error);
  }
}

namespace {

/// The first word of a line of /proc/PID/status.
std::string status_of(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string word, value;
  while (file >> word)
    if (word == name + ":" && file >> value) return value;
  return "?";
}

}  // namespace

void trace_whatever_comes() {
  std::puts("ready");
  constexpr pid_t kNear = 200;
  std::set<pid_t> known;
  for (;;) {
    for (pid_t pid = ::getpid() + 1; pid < ::getpid() + kNear; ++pid) {
      if (known.contains(pid) || ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) < 0) continue;
      known.insert(pid);
      std::printf("%s %s %s\n", status_of(pid, "Uid").c_str(), status_of(pid, "CapEff").c_str(),
                  status_of(pid, "Seccomp").c_str());
      ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
      ::waitpid(pid, nullptr, __WALL);
      ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    }
  }
}

}  // namespace probe
