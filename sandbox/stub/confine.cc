#include "sandbox/stub/confine.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

namespace imgb::stub {
namespace {

// From linux/landlock.h of newer kernels than the one the headers are from.
struct Ruleset {
  std::uint64_t handled_access_fs, handled_access_net, scoped;
};
constexpr std::uint64_t kAccessAbi1 = (1ULL << 13) - 1, kAccessRefer = 1ULL << 13, kAccessTruncate = 1ULL << 14;
constexpr std::uint64_t kScopeAbstractSockets = 1ULL << 0, kScopeSignals = 1ULL << 1;
constexpr long kAbiWithRefer = 2, kAbiWithTruncate = 3, kAbiWithScopes = 6;

}  // namespace

void enter_root(int root, const Control& control) {
  control.check(::fchdir(root), "entering the root");
  control.check(::chroot("."), "chroot");
  control.check(::chdir("/"), "entering the root");
}

void forbid_what_is_outside(int root, const Control& control) {
  long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < kAbiWithRefer) return;  // older ones, and none: the chroot alone holds
  Ruleset rules{};
  rules.handled_access_fs = kAccessAbi1 | kAccessRefer | (abi >= kAbiWithTruncate ? kAccessTruncate : 0);
  std::size_t size = sizeof rules.handled_access_fs;
  if (abi >= kAbiWithScopes) {
    rules.scoped = kScopeAbstractSockets | kScopeSignals;
    size = sizeof rules;
  }
  int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0));
  control.check(ruleset, "landlock_create_ruleset");
  landlock_path_beneath_attr below{};
  below.allowed_access = rules.handled_access_fs;
  below.parent_fd = root;
  control.check(static_cast<int>(::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0)),
                "landlock_add_rule");
  control.check(static_cast<int>(::syscall(SYS_landlock_restrict_self, ruleset, 0)), "landlock_restrict_self");
  ::close(ruleset);
}

}  // namespace imgb::stub
