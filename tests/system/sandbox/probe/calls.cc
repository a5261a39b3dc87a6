#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>

#include "tests/system/sandbox/probe/probe.h"

namespace probe {
namespace {

int mount_error(const char* source, const char* target, const char* type, unsigned long flags,
                const char* data = nullptr) {
  return error_of(::mount(source, target, type, flags, data));
}

void try_mounts() {
  report("P3.tmpfs", mount_error("t", "/bin", "tmpfs", 0));
  report("P3.proc", mount_error("p", "/bin", "proc", 0));
  report("P3.overlay", mount_error("o", "/bin", "overlay", 0, "lowerdir=/etc:/bin"));
  report("P3.cgroup", mount_error("c", "/bin", "cgroup", 0, "memory"));
  report("P3.cgroup2", mount_error("c", "/bin", "cgroup2", 0));
  report("P3.bind", mount_error("/etc", "/bin", nullptr, MS_BIND));
  report("P3.remount", mount_error(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND));
  report("P3.umount", error_of(::umount2("/proc/sys", MNT_DETACH)));
  report("P3.fsopen", error_of(::syscall(SYS_fsopen, "tmpfs", 0)));
  report("P3.open_tree", error_of(::syscall(SYS_open_tree, AT_FDCWD, "/", 1)));
  report("P15.pivot_root", error_of(::syscall(SYS_pivot_root, "/", "/")));
}

void try_namespaces() {
  struct {
    const char* name;
    int flag;
  } kinds[] = {{"P6.unshare_user", CLONE_NEWUSER},    {"P6.unshare_mnt", CLONE_NEWNS},
               {"P6.unshare_pid", CLONE_NEWPID},      {"P6.unshare_net", CLONE_NEWNET},
               {"P6.unshare_uts", CLONE_NEWUTS},      {"P6.unshare_ipc", CLONE_NEWIPC},
               {"P6.unshare_cgroup", CLONE_NEWCGROUP}};
  for (const auto& kind : kinds) report(kind.name, error_of(::unshare(kind.flag)));
  long child = ::syscall(SYS_clone, CLONE_NEWUSER | 17, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  report("P22.clone_user", error_of(child));
  clone_args arguments{};
  arguments.exit_signal = 17;
  child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) ::_exit(0);
  report("P22.clone3", error_of(child));
}

void try_kernel() {
  char bytes[256] = {};
  report("P8.open_by_handle", error_of(::syscall(SYS_open_by_handle_at, AT_FDCWD, bytes, O_RDONLY)));
  report("P9.keyctl", error_of(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)));
  report("P9.add_key", error_of(::syscall(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_SESSION_KEYRING)));
  report("P10.bpf", error_of(::syscall(SYS_bpf, BPF_PROG_LOAD, bytes, sizeof bytes)));
  report("P10.perf", error_of(::syscall(SYS_perf_event_open, bytes, 0, -1, -1, 0)));
  report("P10.io_uring", error_of(::syscall(SYS_io_uring_setup, 1, bytes)));
  report("P10.userfaultfd", error_of(::syscall(SYS_userfaultfd, 0)));
  report("P11.kexec", error_of(::syscall(SYS_kexec_load, 0, 0, nullptr, 0)));
  report("P11.init_module", error_of(::syscall(SYS_init_module, bytes, 0, "")));
  report("P11.finit_module", error_of(::syscall(SYS_finit_module, 0, "", 0)));
  report("P11.delete_module", error_of(::syscall(SYS_delete_module, "x", 0)));
  report("P11.reboot", error_of(::reboot(RB_DISABLE_CAD)));
  report("P11.swapon", error_of(::swapon("/etc/hosts", 0)));
  report("P11.acct", error_of(::acct("/etc/hosts")));
  timeval now{};
  ::gettimeofday(&now, nullptr);
  report("P11.settimeofday", error_of(::settimeofday(&now, nullptr)));
  report("P25.sethostname", error_of(::sethostname("x", 1)));
  report("P19.syslog", error_of(::syscall(SYS_syslog, 3, bytes, sizeof bytes)));
  report("P21.fanotify", error_of(::syscall(SYS_fanotify_init, 0, 0)));
}

/// The classic way out of a chroot: keep a folder open, chroot below it, walk up.
int escape_by_chroot() {
  int outside = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ::mkdir("/jail", 0755);
  if (::chroot("/jail") < 0 || ::fchdir(outside) < 0) return -1;
  for (int i = 0; i < 64; ++i)
    if (::chdir("..") < 0) return -1;
  if (::chroot(".") < 0) return -1;
  return ::access("/this-is-the-sandbox", F_OK) == 0 ? 0 : 1;  // 1: somewhere else
}

}  // namespace

void try_calls() {
  try_mounts();
  try_namespaces();
  try_kernel();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max += 1;
  report("P23.rlimit", error_of(::setrlimit(RLIMIT_NOFILE, &limit)));
  report("P23.nice", error_of(::setpriority(PRIO_PROCESS, 0, -20)));
  sched_param fifo{};
  fifo.sched_priority = 50;
  report("P23.fifo", error_of(::sched_setscheduler(0, SCHED_FIFO, &fifo)));
  ::getrlimit(RLIMIT_CORE, &limit);
  report("P30.core", limit.rlim_max == 0 ? 0 : 1);
  report("P15.chroot", escape_by_chroot());
}

void try_terminal() {
  char letter = 'x';
  report("P17.tiocsti", error_of(::ioctl(0, TIOCSTI, &letter)));
  report("P17.tioclinux", error_of(::ioctl(0, TIOCLINUX, &letter)));
}

}  // namespace probe
