#include "sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>

#include "core/base/error.h"
#include "core/base/fd.h"

namespace imgb {
namespace {

/// CLONE_NEW*: what clone may not ask for without CAP_SYS_ADMIN.
constexpr std::uint64_t kNamespaceFlags = 0x7E020000;

struct Release {
  void operator()(void* context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

void check(int result, const char* what) {
  if (result < 0) throw SystemError(-result, fmt::format("seccomp filter: {}", what));
}

Context make_context() {
  Context context(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!context) throw_error(ErrorKind::system, "seccomp filter: no memory");
#if defined(__x86_64__)
  for (std::uint32_t arch : {SCMP_ARCH_X86, SCMP_ARCH_X32})
#elif defined(__aarch64__)
  for (std::uint32_t arch : {SCMP_ARCH_ARM})
#else
  for (std::uint32_t arch : std::initializer_list<std::uint32_t>{})
#endif
    check(::seccomp_arch_add(context.get(), arch), "adding an architecture");
  check(::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0), "leaving no_new_privs to the plan");
  check(::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "asking for a search tree");
  return context;
}

template <class... Comparisons>
void add_rule(const Context& context, std::uint32_t action, std::string_view name, Comparisons... comparisons) {
  int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number == __NR_SCMP_ERROR) return;  // newer than the library: ENOSYS by the prologue
  int result = ::seccomp_rule_add(context.get(), action, number, sizeof...(comparisons), comparisons...);
  if (result == -EACCES || result == -EEXIST) return;  // says what the default says, or was said before
  check(result, std::string(name).c_str());
}

void add_conditional_rules(const Context& context, std::uint64_t capabilities) {
  bool administrator = capabilities >> CAP_SYS_ADMIN & 1;
  if (administrator)
    add_rule(context, SCMP_ACT_ALLOW, "clone");
  else
    add_rule(context, SCMP_ACT_ALLOW, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, kNamespaceFlags, 0));
  // Its flags lie in memory: without the call, C libraries use clone.
  if (!administrator) add_rule(context, SCMP_ACT_ERRNO(ENOSYS), "clone3");
  // All address families but AF_ALG (38) and AF_VSOCK (40).
  add_rule(context, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_LT, 38));
  add_rule(context, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, 39));
  add_rule(context, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_GT, 40));
  for (std::uint64_t persona : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL})
    add_rule(context, SCMP_ACT_ALLOW, "personality", SCMP_A0(SCMP_CMP_EQ, persona));
}

std::string export_program(const Context& context) {
  Fd file = make_memfd("seccomp");
  check(::seccomp_export_bpf(context.get(), file.get()), "compiling");
  std::string program;
  std::array<std::byte, 4096> part;
  for (std::uint64_t at = 0;;) {
    std::size_t size = read_at(file, part, at, "seccomp filter");
    if (size == 0) return program;
    program.append(reinterpret_cast<const char*>(part.data()), size);
    at += size;
  }
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

std::string compile_seccomp(std::uint64_t capabilities) {
  Context context = make_context();
  for (std::string_view name : allowed_system_calls(capabilities)) add_rule(context, SCMP_ACT_ALLOW, name);
  add_conditional_rules(context, capabilities);
  return newer_calls_prologue() + export_program(context);
}

}  // namespace imgb
