#include "layerfs/confined.h"

#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/seccomp_filter.h"

namespace imgb {
namespace {

/// Two million entries with 192 MiB of names, a zstd window of 128 MiB, two stacks, and room for what grows by
/// doubling.
constexpr rlim_t kMaxAddressSpaceBytes = 2ULL << 30;
constexpr rlim_t kMaxOpenFiles = 256;

void limit(decltype(RLIMIT_AS) what, rlim_t value) {
  rlimit limits{value, value};
  // A lower hard limit that is there already is as good.
  if (::setrlimit(what, &limits) < 0 && errno != EPERM) throw_errno("set resource limit {}", static_cast<int>(what));
}

/// What is different for a sanitizer: its shadow takes terabytes of addresses, and its search for leaks, which comes
/// once in a process, would start another that traces this one. So it comes now.
void limit_addresses() {
#if defined(__SANITIZE_ADDRESS__)
  ::__lsan_do_leak_check();
#elif !defined(__SANITIZE_THREAD__)
  limit(RLIMIT_AS, kMaxAddressSpaceBytes);
#endif
}

void limit_resources() {
  limit_addresses();
  limit(RLIMIT_NOFILE, kMaxOpenFiles);
  limit(RLIMIT_CPU, std::chrono::seconds(kMaxProcessorTime).count());
  limit(RLIMIT_CORE, 0);
}

// From linux/landlock.h of newer kernels than the one the headers are from.
constexpr std::uint64_t kAccessRefer = 1ULL << 13, kAccessTruncate = 1ULL << 14;
constexpr std::uint64_t kAccessAbi1 = (1ULL << 13) - 1;
constexpr int kFirstAbiWithRefer = 2, kFirstAbiWithTruncate = 3;

/// Nothing of the file system but what lies below the folder; to run a program is allowed nowhere.
void forbid_files_except(const Fd* writable) {
  long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < kFirstAbiWithRefer) return;
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = kAccessAbi1 | kAccessRefer | (abi >= kFirstAbiWithTruncate ? kAccessTruncate : 0);
  long ruleset = ::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
  if (ruleset < 0) throw_errno("landlock_create_ruleset");
  Fd owned(static_cast<int>(ruleset));
  if (writable) {
    landlock_path_beneath_attr below{};
    below.allowed_access = rules.handled_access_fs & ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_EXECUTE);
    below.parent_fd = writable->get();
    if (::syscall(SYS_landlock_add_rule, owned.get(), LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
      throw_errno("landlock_add_rule");
  }
  if (::syscall(SYS_landlock_restrict_self, owned.get(), 0) < 0) throw_errno("landlock_restrict_self");
}

void keep_capabilities(std::uint64_t kept) {
  for (int cap = 0; cap <= CAP_LAST_CAP; ++cap) {
    bool keep = (kept >> cap & 1) != 0;
    if (!keep && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM && errno != EINVAL)
      throw_errno("drop capability {}", cap);
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> now{};
  if (::syscall(SYS_capget, &header, now.data()) < 0) throw_errno("capget");
  for (std::size_t word = 0; word < now.size(); ++word) {
    auto mask = static_cast<std::uint32_t>(kept >> (32 * word));
    now[word].effective &= mask;
    now[word].permitted &= mask;
    now[word].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, now.data()) < 0) throw_errno("capset");
}

constexpr std::uint64_t bit(int capability) { return 1ULL << capability; }
constexpr std::uint64_t kUnpackCapabilities =
    bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) | bit(CAP_MKNOD) | bit(CAP_SETFCAP);

// Everything else fails with EPERM.
constexpr const char* kAllowedCalls[] = {
    // memory, threads, time, leaving
    "brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "futex", "set_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "gettid", "getpid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "clock_gettime", "clock_nanosleep", "getrandom", "restart_syscall", "exit", "exit_group",
    // open files
    "read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "close", "fcntl", "fstat", "fstatfs",
    "ftruncate", "fallocate", "fadvise64", "fchown", "fchmod", "fsetxattr", "getdents64", "geteuid", "getegid",
    "getuid", "getgid",
    // paths below the folder
    "openat", "openat2", "newfstatat", "statx", "mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "fchownat",
    "fchmodat", "chmod", "utimensat", "umask"};

void filter_system_calls() {
  SeccompFilter filter({});
  for (const char* call : kAllowedCalls) filter.allow(call);
  // A thread, not a process and no namespace. clone3 hides its flags from filters: libc falls back to clone.
  filter.allow("clone", {{.is = SeccompFilter::When::Is::masked, .value = CLONE_THREAD, .mask = CLONE_THREAD}});
  filter.fail("clone3", ENOSYS);
#if defined(__SANITIZE_ADDRESS__)
  filter.allow("pipe");  // how its runtime asks whether an address can be read
  filter.allow("pipe2");
#endif
  filter.load();
}

}  // namespace

void confine(const Fd* writable) {
  limit_resources();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw_errno("set no_new_privs");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw_errno("clear dumpable");
  forbid_files_except(writable);
  keep_capabilities(writable ? kUnpackCapabilities : 0);
  filter_system_calls();
}

}  // namespace imgb
