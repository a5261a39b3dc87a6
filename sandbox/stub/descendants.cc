#include "sandbox/stub/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "sandbox/stub/system.h"

namespace imgb::stub {
namespace {

struct Process {
  pid_t pid, parent;
  bool ours;
};
constexpr std::size_t kMaxProcesses = 65536;
Process processes[kMaxProcesses];

/// The fourth field of /proc/PID/stat; the second, the program's name in parentheses, may hold anything.
pid_t parent_of(const char* stat) {
  const char* after = std::strrchr(stat, ')');
  if (!after || std::strlen(after) < 5) return 0;
  pid_t parent = 0;
  for (after += 4; *after >= '0' && *after <= '9'; ++after) parent = parent * 10 + (*after - '0');
  return parent;
}

void add_process(int proc, const char* name, std::size_t& count) {
  pid_t pid = 0;
  for (const char* digit = name; *digit; ++digit) {
    if (*digit < '0' || *digit > '9') return;
    pid = pid * 10 + (*digit - '0');
  }
  Text path;
  path << name << "/stat";
  int file = ::openat(proc, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  char stat[512];
  ssize_t size = ::read(file, stat, sizeof stat - 1);
  ::close(file);
  if (size <= 0 || count == kMaxProcesses) return;
  stat[size] = 0;
  processes[count++] = {pid, parent_of(stat), false};
}

std::size_t list_processes() {
  std::size_t count = 0;
  int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return 0;
  alignas(dirent64) static char entries[32768];
  for (long size; (size = ::syscall(SYS_getdents64, proc, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      add_process(proc, entry->d_name, count);
    }
  }
  ::close(proc);
  return count;
}

/// /proc lists processes by their numbers, ascending.
const Process* find_process(pid_t pid, std::size_t count) {
  std::size_t from = 0, to = count;
  while (from < to) {
    std::size_t middle = (from + to) / 2;
    if (processes[middle].pid == pid) return &processes[middle];
    (processes[middle].pid < pid ? from : to) = processes[middle].pid < pid ? middle + 1 : middle;
  }
  return nullptr;
}

/// Those whose parent is ours are ours. Numbers mostly ascend from parent to child: few rounds do.
void mark_ours(std::size_t count) {
  pid_t self = ::getpid();
  for (bool found = true; found;) {
    found = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (processes[i].ours) continue;
      const Process* parent = find_process(processes[i].parent, count);
      if (processes[i].parent == self || (parent && parent->ours)) found = processes[i].ours = true;
    }
  }
}

}  // namespace

bool adopt_orphans() { return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0; }

void kill_descendants() {
  for (;;) {
    std::size_t count = list_processes();
    mark_ours(count);
    for (std::size_t i = 0; i < count; ++i)
      if (processes[i].ours) ::kill(processes[i].pid, SIGKILL);
    // Each child that ends hands us its own; when there is none left, there is nobody left.
    for (;;) {
      pid_t ended = ::waitpid(-1, nullptr, __WALL);
      if (ended < 0 && errno == ECHILD) return;
      if (ended > 0) break;
    }
    while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) continue;
  }
}

}  // namespace imgb::stub
