// refuse [docker] [CALL=ERRNO]... -- PROGRAM ARG...: runs a program where the kernel refuses these system calls, as old
// kernels and filters of container engines do. "docker": what Docker's default filter refuses, and only the
// capabilities that Docker leaves user 0 of a container. Needs root.
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace {

struct Call {
  std::string_view name;
  long number;
};
constexpr std::array kCalls = std::to_array<Call>({{"unshare", SYS_unshare},
                                                   {"mount", SYS_mount},
                                                   {"umount2", SYS_umount2},
                                                   {"setns", SYS_setns},
                                                   {"pivot_root", SYS_pivot_root},
                                                   {"open_tree", SYS_open_tree},
                                                   {"move_mount", SYS_move_mount},
                                                   {"fsopen", SYS_fsopen},
                                                   {"fsmount", SYS_fsmount},
                                                   {"mount_setattr", SYS_mount_setattr},
                                                   {"keyctl", SYS_keyctl},
                                                   {"bpf", SYS_bpf},
                                                   {"openat2", SYS_openat2},
                                                   {"clone3", SYS_clone3},
                                                   {"seccomp", SYS_seccomp},
                                                   {"close_range", SYS_close_range},
                                                   {"copy_file_range", SYS_copy_file_range},
                                                   {"pidfd_open", SYS_pidfd_open},
                                                   {"landlock_create_ruleset", SYS_landlock_create_ruleset}});
constexpr std::array kErrors = std::to_array<Call>({{"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"EINVAL", EINVAL}});

long find(const auto& table, std::string_view name) {
  for (const Call& one : table)
    if (one.name == name) return one.number;
  fprintf(stderr, "refuse: unknown: %.*s\n", static_cast<int>(name.size()), name.data());
  _exit(2);
}

class Filter {
 public:
  Filter() { add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))); }
  void refuse(long call, long error) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)));
  }
  /// clone with a CLONE_NEW* flag.
  void refuse_namespaces() {
    constexpr std::uint32_t kNamespaceFlags = 0x7E020000;
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])));
    add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNamespaceFlags, 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  bool install() {
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  void add(sock_filter line) { code_.push_back(line); }
  std::vector<sock_filter> code_;
};

bool keep_capabilities_of_docker() {
  constexpr int kKept[] = {CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,      CAP_FOWNER,          CAP_MKNOD,
                           CAP_NET_RAW, CAP_SETGID,       CAP_SETUID,      CAP_SETFCAP,         CAP_SETPCAP,
                           CAP_KILL,    CAP_SYS_CHROOT,   CAP_AUDIT_WRITE, CAP_NET_BIND_SERVICE};
  std::uint64_t kept = 0;
  for (int capability : kKept) kept |= 1ULL << capability;
  for (int number = 0; ::prctl(PR_CAPBSET_READ, number) >= 0; ++number)
    if (!(kept >> number & 1) && ::prctl(PR_CAPBSET_DROP, number) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; ++half)
    data[half].permitted = data[half].effective = static_cast<std::uint32_t>(kept >> (32 * half));
  return ::syscall(SYS_capset, &header, data) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  Filter filter;
  bool docker = false;
  int at = 1;
  for (; at < argc && std::string_view(argv[at]) != "--"; ++at) {
    std::string_view word = argv[at];
    if (word == "docker") {
      docker = true;
      for (const char* call : {"unshare", "mount", "umount2", "setns", "pivot_root", "open_tree", "move_mount",
                               "fsopen", "fsmount", "mount_setattr", "keyctl", "bpf"})
        filter.refuse(find(kCalls, call), EPERM);
      filter.refuse(SYS_clone3, ENOSYS);
    } else {
      auto equals = word.find('=');
      if (equals == std::string_view::npos) return 2;
      filter.refuse(find(kCalls, word.substr(0, equals)), find(kErrors, word.substr(equals + 1)));
    }
  }
  if (docker) filter.refuse_namespaces();
  if (at + 1 >= argc || !filter.install() || (docker && !keep_capabilities_of_docker())) return 2;
  ::execvp(argv[at + 1], argv + at + 1);
  perror(argv[at + 1]);
  return 127;
}
