#include "sandbox/isolation.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/host_text.h"

namespace imgb {
namespace {

constexpr std::string_view kWithoutNamespaces =
    "no namespaces may be made here: steps run by --isolation=chroot, with the network, the processes and the users of "
    "this container in reach, without a /proc, /sys or terminals of their own, and setuid programs gain nothing";

std::uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) throw_errno("reading capabilities");
  return data[0].effective | static_cast<std::uint64_t>(data[1].effective) << 32;
}

/// The calls that put a world together, as far as they need nothing of the host: in a process that is thrown away.
bool can_mount() {
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return false;
  int context = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context < 0 || ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return false;
  int mount = ::fsmount(context, FSMOUNT_CLOEXEC, 0);
  mount_attr attributes{.attr_set = MOUNT_ATTR_RDONLY};
  if (mount < 0 || ::mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) return false;
  return ::move_mount(mount, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

/// Runs it in a child of these flags. Only system calls may be made there: other threads may hold locks.
template <class Body>
bool works_in_child(unsigned long flags, Body body) {
  long pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid < 0) return false;
  if (pid == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  while (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

constexpr unsigned long kWorld = CLONE_NEWNS | CLONE_NEWPID;
bool can_make_world() { return works_in_child(kWorld, can_mount); }
bool can_make_user_namespace() {
  return works_in_child(0, [] { return ::unshare(CLONE_NEWUSER) == 0 && can_make_world(); });
}

bool is_filtered() { return host_text("/proc/self/status").find("\nSeccomp:\t0\n") == std::string::npos; }

struct FileSystemType {
  long magic;
  std::string_view name;
};
/// Those that overlayfs takes no upper folder on, or not reliably: overlayfs itself, what is on other machines or in
/// user space, and what knows no attributes or devices.
constexpr std::array kNoUpper = std::to_array<FileSystemType>({{OVERLAYFS_SUPER_MAGIC, "overlay"},
                                                               {NFS_SUPER_MAGIC, "nfs"},
                                                               {0x65735546, "fuse"},
                                                               {0xff534d42, "cifs"},
                                                               {0xfe534d42, "smb"},
                                                               {V9FS_MAGIC, "9p"},
                                                               {0x00c36400, "ceph"},
                                                               {AFS_SUPER_MAGIC, "afs"},
                                                               {ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
                                                               {MSDOS_SUPER_MAGIC, "vfat"},
                                                               {0x2011bab0, "exfat"}});

std::string reason_against_overlay(const Dir& snapshots) {
  struct statfs info {};
  if (::fstatfs(snapshots.fd().get(), &info) < 0) throw_errno("looking at {}", snapshots.name());
  for (const FileSystemType& type : kNoUpper)
    if (static_cast<unsigned long>(info.f_type) == static_cast<unsigned long>(type.magic))
      return fmt::format("the store is on {}, over which no overlay can be mounted", type.name);
  if (host_text("/proc/filesystems").find("\toverlay\n") != std::string::npos) return {};
  Fd context(::fsopen("overlay", FSOPEN_CLOEXEC));  // loads the module, where there is one
  return context ? std::string() : "this kernel has no overlayfs";
}

[[noreturn]] void throw_no_way(const IsolationFacts& facts, std::string message) {
  Error error(ErrorKind::unsupported, std::move(message));
  if (facts.root)
    error.set_hint(
        "a container needs CAP_SYS_CHROOT (docker run --cap-add SYS_CHROOT) for --isolation=chroot, or CAP_SYS_ADMIN "
        "and no seccomp filter (--privileged) for namespaces");
  else
    error.set_hint("in a container run imgb as its user 0: then steps run by --isolation=chroot");
  throw error;
}

}  // namespace

IsolationChoice choose_isolation(Isolation wish, const IsolationFacts& facts) {
  IsolationChoice choice;
  choice.user_namespaces = facts.user_namespaces;
  bool chroot_works = facts.root && facts.may_chroot;
  if (wish == Isolation::chroot && !chroot_works)
    throw_no_way(facts, "--isolation=chroot is for user 0 with the right to chroot");
  if (wish == Isolation::namespaces && !facts.may_mount)
    throw_no_way(facts, "--isolation=namespace: no namespaces and mounts may be made here");
  choice.chroot = wish == Isolation::chroot || !facts.may_mount;
  if (choice.chroot && !chroot_works) throw_no_way(facts, "neither namespaces nor chroot may be used here");
  if (choice.chroot) {
    choice.form = SnapshotForm::trees;
    if (wish == Isolation::automatic) choice.why = kWithoutNamespaces;
  } else if (!facts.store_type.empty()) {
    choice.form = SnapshotForm::trees;
    choice.why = facts.store_type + ": steps work in whole trees, which takes longer";
  }
  return choice;
}

IsolationFacts find_isolation_facts(const Dir& snapshots) {
  IsolationFacts facts;
  std::uint64_t capabilities = effective_capabilities();
  facts.root = ::geteuid() == 0;
  facts.may_chroot = capabilities >> CAP_SYS_CHROOT & 1;
  facts.may_mount = capabilities >> CAP_SYS_ADMIN & 1;
  facts.user_namespaces = facts.may_mount && host_text("/proc/sys/user/max_user_namespaces") != "0\n";
  // What a filter forbids shows by trying alone.
  if (facts.may_mount && is_filtered()) {
    facts.may_mount = can_make_world();
    facts.user_namespaces = facts.may_mount && can_make_user_namespace();
  }
  if (facts.may_mount) facts.store_type = reason_against_overlay(snapshots);
  return facts;
}

Isolation parse_isolation(std::string_view text) {
  if (text.empty() || text == "auto") return Isolation::automatic;
  if (text == "namespace") return Isolation::namespaces;
  if (text == "chroot") return Isolation::chroot;
  throw_error(ErrorKind::usage, "--isolation is auto, namespace or chroot, not {:?}", printable(text));
}

const IsolationChoice& HostIsolation::choice() {
  std::lock_guard hold(mutex_);
  if (!choice_) choice_ = choose_isolation(wish_, find_isolation_facts(snapshots_));
  return *choice_;
}

}  // namespace imgb
