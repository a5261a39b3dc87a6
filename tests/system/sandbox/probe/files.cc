#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/system/sandbox/probe/probe.h"

namespace probe {
namespace {

int open_error(const char* path, int flags) {
  int file = ::open(path, flags | O_CLOEXEC);
  int error = error_of(file);
  if (file >= 0) ::close(file);
  return error;
}

int write_error(const char* path) {
  int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  int error = error_of(::write(file, "1", 1));
  ::close(file);
  return error;
}

/// 0 when something can be read, else errno, ENODATA for nothing.
int read_error(const char* path) {
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
  char byte;
  ssize_t size = ::read(file, &byte, 1);
  int error = size < 0 ? errno : size == 0 ? ENODATA : 0;
  ::close(file);
  return error;
}

int count_entries(const char* folder, bool digits) {
  DIR* dir = ::opendir(folder);
  if (!dir) return -1;
  int count = 0;
  while (dirent* entry = ::readdir(dir))
    if (!digits || std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) ++count;
  ::closedir(dir);
  return digits ? count : count - 2;
}

void try_process_one() {
  report("P1.root", open_error("/proc/1/root/etc/hosts", O_RDONLY));
  report("P1.environ", read_error("/proc/1/environ"));
  char link[256];
  report("P1.cwd", error_of(::readlink("/proc/1/cwd", link, sizeof link)));
  report("P2.processes", count_entries("/proc", true));
  report("P6.ns", open_error("/proc/1/ns/mnt", O_RDONLY));
  report("P13.init_exe", open_error("/proc/1/exe", O_RDONLY));
  report("P13.self_exe", open_error("/proc/self/exe", O_WRONLY));
}

void try_kernel_files() {
  report("P7.core_pattern", write_error("/proc/sys/kernel/core_pattern"));
  report("P7.panic_on_oom", write_error("/proc/sys/vm/panic_on_oom"));
  report("P7.sysrq", write_error("/proc/sys/kernel/sysrq"));
  report("P7.sysrq_trigger", write_error("/proc/sysrq-trigger"));
  report("P7.cgroup", write_error("/sys/fs/cgroup/cgroup.procs"));
  report("P7.sys", write_error("/sys/kernel/profiling"));
  report("P12.release_agent", write_error("/sys/fs/cgroup/release_agent"));
  report("P9.keys", read_error("/proc/keys"));
  report("P19.kcore", read_error("/proc/kcore"));
  report("P19.interrupts", read_error("/proc/interrupts"));
  report("P19.timer_list", read_error("/proc/timer_list"));
  report("P19.firmware", count_entries("/sys/firmware", false));
  report("P23.oom_score", [] {
    int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    int error = file < 0 ? errno : error_of(::write(file, "-1000", 5));
    if (file >= 0) ::close(file);
    return error;
  }());
}

void try_devices() {
  report("P4.mknod_block", error_of(::mknod("/tmp-block", S_IFBLK | 0600, makedev(254, 0))));
  report("P4.open_block", open_error("/tmp-block", O_RDONLY));
  report("P4.mknod_mem", error_of(::mknod("/tmp-mem", S_IFCHR | 0600, makedev(1, 1))));
  report("P4.open_mem", open_error("/tmp-mem", O_RDONLY));
  constexpr const char* kDangerous[] = {"mem", "kvm", "vda", "loop-control", "fuse", "console"};
  for (const char* name : kDangerous) {
    char path[64], label[64];
    std::snprintf(path, sizeof path, "/dev/%s", name);
    std::snprintf(label, sizeof label, "P19.dev_%s", name);
    report(label, open_error(path, O_RDONLY));
  }
  report("dev.null", write_error("/dev/null"));
  report("dev.zero", read_error("/dev/zero"));
  report("dev.urandom", read_error("/dev/urandom"));
  report("dev.full", write_error("/dev/full"));
  report("P27.dev_full", [] {  // /dev is small on purpose
    int file = ::open("/dev/fill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    static char bytes[4096];
    int error = 0;
    for (int i = 0; i < 1000 && !error; ++i) error = error_of(::write(file, bytes, sizeof bytes));
    ::close(file);
    ::unlink("/dev/fill");
    return error;
  }());
}

}  // namespace

void try_files() {
  try_process_one();
  try_kernel_files();
  try_devices();
  report("P14.descriptors", count_entries("/proc/self/fd", false) - 1);  // one is the listing's own
}

}  // namespace probe
