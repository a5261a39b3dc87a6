#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/rooted_path.h"
#include "sandbox/step.h"

namespace imgb {

/// Everything a step's process will see, as plain data: made by a pure function, written down for the stub, compared in
/// tests. security.md 3.

/// Where a mount comes from that the host side must open; the stub gets it as a descriptor, by its place in the list.
namespace source {
struct Snapshots {
  friend bool operator==(const Snapshots&, const Snapshots&) = default;
};
struct Tree {  ///< The root file system in one folder.
  friend bool operator==(const Tree&, const Tree&) = default;
};
struct Device {
  std::string name;  ///< "null": /dev/null of the host, checked to be what it should be.
  friend bool operator==(const Device&, const Device&) = default;
};
struct HostSys {  ///< The host's /sys, where a network namespace of the host forbids a fresh one.
  friend bool operator==(const HostSys&, const HostSys&) = default;
};
struct HostDevices {  ///< The host's /dev, for insecure steps.
  friend bool operator==(const HostDevices&, const HostDevices&) = default;
};
struct Bind {
  std::size_t mount = 0;  ///< Which of StepSpec::mounts.
  bool writable = false;
  friend bool operator==(const Bind&, const Bind&) = default;
};
}  // namespace source
using MountSource =
    std::variant<source::Snapshots, source::Tree, source::Device, source::HostSys, source::HostDevices, source::Bind>;

/// MOUNT_ATTR_* of mount_setattr(2).
using MountAttributes = std::uint32_t;

namespace mount_op {
struct Overlay {  ///< The root file system.
  std::size_t source = 0;
  std::string upper, work;  ///< Empty: writes go to memory.
  MountAttributes attributes = 0;
  std::vector<std::string> lower;  ///< Top first.
  friend bool operator==(const Overlay&, const Overlay&) = default;
};
struct Tree {  ///< The root file system, as it is.
  std::size_t source = 0;
  MountAttributes attributes = 0;
  friend bool operator==(const Tree&, const Tree&) = default;
};
struct FileSystem {
  RootedPath target;
  std::string type;
  MountAttributes attributes = 0;
  std::vector<std::pair<std::string, std::string>> options;
  bool optional = false;      ///< A kernel without it is no error (mqueue).
  bool follow_links = false;  ///< Symbolic links on the way to the target are followed inside the root.
  friend bool operator==(const FileSystem&, const FileSystem&) = default;
};
struct Attach {
  RootedPath target;
  std::size_t source = 0;
  bool folder = true;
  MountAttributes attributes = 0;
  bool follow_links = false;
  friend bool operator==(const Attach&, const Attach&) = default;
};
struct ThrowAway {  ///< Writable view of a source whose changes are dropped (V34).
  RootedPath target;
  std::size_t source = 0;
  bool folder = true;
  friend bool operator==(const ThrowAway&, const ThrowAway&) = default;
};
struct File {
  RootedPath target;
  std::uint32_t mode = 0644, uid = 0, gid = 0;
  MountAttributes attributes = 0;
  std::string content;
  friend bool operator==(const File&, const File&) = default;
};
struct Socket {  ///< A socket in memory, whose connections are relayed to SocketMount number `relay`.
  RootedPath target;
  std::uint32_t mode = 0600, uid = 0, gid = 0;
  std::size_t relay = 0;
  friend bool operator==(const Socket&, const Socket&) = default;
};
struct Mask {  ///< Hidden by the null device or an empty folder; a missing path is fine.
  RootedPath path;
  friend bool operator==(const Mask&, const Mask&) = default;
};
struct MaskEach {  ///< Mask of folder/prefix*/name.
  RootedPath folder;
  std::string prefix, name;
  friend bool operator==(const MaskEach&, const MaskEach&) = default;
};
struct ReadOnly {  ///< A missing path is fine.
  RootedPath path;
  friend bool operator==(const ReadOnly&, const ReadOnly&) = default;
};
struct Move {  ///< A part of the ground comes to its place in the root: the path is the same in both.
  RootedPath path;
  friend bool operator==(const Move&, const Move&) = default;
};
struct Symlink {
  RootedPath path;
  std::string text;
  friend bool operator==(const Symlink&, const Symlink&) = default;
};
struct Folder {
  RootedPath path;
  std::uint32_t mode = 0755, uid = 0, gid = 0;
  friend bool operator==(const Folder&, const Folder&) = default;
};
}  // namespace mount_op
using MountOp = std::variant<mount_op::Overlay, mount_op::Tree, mount_op::FileSystem, mount_op::Attach,
                             mount_op::ThrowAway, mount_op::File, mount_op::Socket, mount_op::Mask, mount_op::MaskEach,
                             mount_op::ReadOnly, mount_op::Move, mount_op::Symlink, mount_op::Folder>;

/// What a step without mounts sees at a place of its root file system instead of what is there (--isolation=chroot). It
/// is put there before the step; afterwards it is taken away, and what was there is put back.
namespace stand_in {
struct Folder {  ///< An empty one; what comes into it goes.
  std::uint32_t mode = 0755, uid = 0, gid = 0;
  friend bool operator==(const Folder&, const Folder&) = default;
};
struct Devices {  ///< A /dev with the harmless nodes of security.md 3.4.
  friend bool operator==(const Devices&, const Devices&) = default;
};
struct File {
  std::uint32_t mode = 0644, uid = 0, gid = 0;
  std::string content;
  friend bool operator==(const File&, const File&) = default;
};
struct Copy {  ///< Of the source of StepSpec::mounts number `mount`; what is changed in it goes.
  std::size_t mount = 0;
  friend bool operator==(const Copy&, const Copy&) = default;
};
struct Moved {  ///< That source itself, from where it is kept and back.
  std::size_t mount = 0;
  friend bool operator==(const Moved&, const Moved&) = default;
};
struct Socket {  ///< One whose connections are relayed to SocketMount number `mount`.
  std::uint32_t mode = 0600, uid = 0, gid = 0;
  std::size_t mount = 0;
  friend bool operator==(const Socket&, const Socket&) = default;
};
}  // namespace stand_in
struct StandIn {
  RootedPath target;
  std::variant<stand_in::Folder, stand_in::Devices, stand_in::File, stand_in::Copy, stand_in::Moved, stand_in::Socket>
      what;
  friend bool operator==(const StandIn&, const StandIn&) = default;
};

struct ResourceLimit {
  int resource = 0;  ///< RLIMIT_*
  std::uint64_t soft = 0, hard = 0;
  bool required = true;  ///< False: as much of it as the host allows.
  friend bool operator==(const ResourceLimit&, const ResourceLimit&) = default;
};

/// What one process becomes before it executes its program.
struct ProcessPlan {
  std::vector<std::string> argv, env;
  RootedPath cwd;
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
  std::uint64_t capabilities = 0;  ///< Bounding set, and permitted and effective for uid 0; one bit each.
  bool no_new_privileges = false;
  bool tty = false;
  unsigned rows = 0, columns = 0;  ///< Of the terminal.
  std::vector<ResourceLimit> limits;
  std::string apparmor_profile, selinux_label;  ///< Empty: none.
  friend bool operator==(const ProcessPlan&, const ProcessPlan&) = default;
};

/// What a world has whatever its root file system: /proc, /sys and /dev, in a tree of their own, and the most that any
/// process in it can ever be capable of. Made before the step is known, so that a step need not wait for it.
struct GroundPlan {
  std::vector<MountSource> sources;
  std::vector<MountOp> mounts;     ///< Applied in order.
  std::uint64_t capabilities = 0;  ///< The bounding set.
  friend bool operator==(const GroundPlan&, const GroundPlan&) = default;
};

struct SandboxPlan {
  /// No namespaces and no mounts: `ground`, `mounts` and `hostname` are empty, and the process is confined to the root
  /// file system by chroot and Landlock.
  bool chroot = false;
  std::vector<StandIn> stand_ins;  ///< In order; chroot alone.
  bool block_network = false;      ///< No socket but UNIX ones can be made; chroot alone.
  bool user_namespace = true;
  NetworkMode network = NetworkMode::isolated;
  GroundPlan ground;
  std::string hostname;
  std::vector<MountSource> sources;
  std::vector<MountOp> mounts;  ///< Applied in order, when the ground is made.
  bool read_only_root = false;  ///< Set when all else is done.
  ProcessPlan process;
  bool filter = true;  ///< The seccomp list for process.capabilities.
  friend bool operator==(const SandboxPlan&, const SandboxPlan&) = default;
};

/// What of the host decides about a plan.
struct PlanHost {
  bool chroot = false;  ///< --isolation=chroot
  bool user_namespaces = true;
  bool cgroup2 = true;           ///< A version 2 tree can be shown inside.
  bool holds_devices = true;     ///< Device nodes are of no use in the world, whoever made them.
  std::string apparmor_profile;  ///< Loaded container profile; empty: none.
  std::string selinux_label;     ///< Of container processes; empty: SELinux is off.
  std::string resolv_conf;       ///< For StepSpec::resolv_conf unset.
  std::set<std::size_t> files;   ///< Which of StepSpec::mounts bind something that is no folder.
};

/// Pure. Errors: usage (unknown capability or limit), input (a mount target that no step may have: V29), unsupported
/// (what cannot be had without mounts).
SandboxPlan make_plan(const StepSpec& spec, const PlanHost& host);
ProcessPlan make_process_plan(const ExecSpec& spec, const PlanHost& host);
/// The bytes the stub reads (sandbox/stub/wire.h): the ground comes first, then the plan. `filter`: the compiled
/// seccomp program, empty for none.
std::string render_for_stub(const GroundPlan& ground);
std::string render_for_stub(const SandboxPlan& plan, std::string_view filter);
/// For one more process in a running world. `user_namespace`: the first of the namespaces to join is one of users.
std::string render_for_stub(const ProcessPlan& process, bool user_namespace, std::string_view filter);
/// For the program of a step in a chroot, whose root is the first source.
std::string render_for_chroot(const ProcessPlan& process, std::string_view filter);

std::uint64_t all_capabilities();
/// Docker's 14.
std::uint64_t default_capabilities();
/// `base` with names added and dropped, "ALL" included, with or without "CAP_". Error(usage) for unknown names.
std::uint64_t change_capabilities(std::uint64_t base, const std::vector<std::string>& add,
                                  const std::vector<std::string>& drop);
/// /etc/resolv.conf for a step: the host's text, or, in a private network, with `resolver` for its name servers.
std::string resolv_conf_for(std::string_view host_text, std::string_view resolver);
std::string hosts_for(std::string_view hostname, const std::vector<std::pair<std::string, std::string>>& extra);

}  // namespace imgb
