#include "sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "core/base/seccomp_filter.h"

namespace imgb {
namespace {

/// CLONE_NEW*: what clone may not ask for without CAP_SYS_ADMIN.
constexpr std::uint64_t kNamespaceFlags = 0x7E020000;

void add_conditional_rules(SeccompFilter& filter, std::uint64_t capabilities) {
  using When = SeccompFilter::When;
  bool administrator = capabilities >> CAP_SYS_ADMIN & 1;
  if (administrator)
    filter.allow("clone");
  else
    filter.allow("clone", When{.is = When::Is::masked, .value = 0, .mask = kNamespaceFlags});
  // Its flags lie in memory: without the call, C libraries use clone.
  if (!administrator) filter.fail("clone3", ENOSYS);
  // All address families but AF_ALG (38) and AF_VSOCK (40).
  filter.allow("socket", When{.is = When::Is::less, .value = 38});
  filter.allow("socket", When{.is = When::Is::equal, .value = 39});
  filter.allow("socket", When{.is = When::Is::greater, .value = 40});
  for (std::uint64_t persona : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL})
    filter.allow("personality", When{.is = When::Is::equal, .value = persona});
}

/// Numbers above those the list was made for: ENOSYS, which is what programs that try new calls are ready for. Put in
/// front of the compiled program, whose jumps are relative.
std::string newer_calls_prologue() {
#if defined(__x86_64__)
  constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64, kLastKnown = 450;  // set_mempolicy_home_node, Linux 5.17
  constexpr std::uint32_t kX32 = 0x40000000;
  const sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kLastKnown, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  return {reinterpret_cast<const char*>(code), sizeof code};
#else
  return {};
#endif
}

}  // namespace

std::string without_network(std::string_view program) {
  // 32-bit programs of this machine call by other numbers.
#if defined(__x86_64__)
  constexpr std::uint32_t kOwn = AUDIT_ARCH_X86_64, kOther = AUDIT_ARCH_I386, kOtherSocket = 359;
#else
  constexpr std::uint32_t kOwn = AUDIT_ARCH_AARCH64, kOther = AUDIT_ARCH_ARM, kOtherSocket = 281;
#endif
  constexpr std::uint32_t kFail = SECCOMP_RET_ERRNO | ENETUNREACH;
  const sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOwn, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0x40000000u),  // x32's
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 3, 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOther, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOtherSocket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, kFail),
  };
  return std::string(reinterpret_cast<const char*>(code), sizeof code).append(program);
}

std::string compile_seccomp(std::uint64_t capabilities) {
  SeccompFilter filter({.other_architectures = true, .search_tree = true});
  for (std::string_view name : allowed_system_calls(capabilities)) filter.allow(std::string(name));
  add_conditional_rules(filter, capabilities);
  return newer_calls_prologue() + filter.compile();
}

}  // namespace imgb
