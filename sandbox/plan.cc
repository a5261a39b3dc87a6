#include "sandbox/plan.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr MountAttributes kPlain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t kDefaultShmBytes = 64ULL << 20;
/// Memory that /dev may take: a step that fills it must not fill the host's.
constexpr std::uint64_t kDevBytes = 64 << 10;

RootedPath path(std::string_view text) { return RootedPath::parse_strict(text); }

struct LimitName {
  std::string_view name;
  int resource;
};
constexpr std::array kLimitNames = std::to_array<LimitName>({{"as", RLIMIT_AS},
                                                             {"core", RLIMIT_CORE},
                                                             {"cpu", RLIMIT_CPU},
                                                             {"data", RLIMIT_DATA},
                                                             {"fsize", RLIMIT_FSIZE},
                                                             {"locks", RLIMIT_LOCKS},
                                                             {"memlock", RLIMIT_MEMLOCK},
                                                             {"msgqueue", RLIMIT_MSGQUEUE},
                                                             {"nice", RLIMIT_NICE},
                                                             {"nofile", RLIMIT_NOFILE},
                                                             {"nproc", RLIMIT_NPROC},
                                                             {"rss", RLIMIT_RSS},
                                                             {"rtprio", RLIMIT_RTPRIO},
                                                             {"rttime", RLIMIT_RTTIME},
                                                             {"sigpending", RLIMIT_SIGPENDING},
                                                             {"stack", RLIMIT_STACK}});

ResourceLimit limit_of(const Limits::Rlimit& given) {
  for (const LimitName& known : kLimitNames) {
    if (known.name != given.name) continue;
    if (given.soft > given.hard)
      throw_error(ErrorKind::usage, "ulimit {}: soft limit {} is above the hard limit {}", given.name, given.soft,
                  given.hard);
    return {known.resource, given.soft, given.hard, true};
  }
  throw_error(ErrorKind::usage, "unknown ulimit {:?}", printable(given.name, 64));
}

/// One plan while it grows. `spec` and `host` decide, nothing else.
class Planner {
 public:
  Planner(const StepSpec& spec, const PlanHost& host) : spec_(spec), host_(host) {}

  SandboxPlan make() {
    if (host_.chroot) return make_chroot();
    plan_.user_namespace = spec_.security == Security::standard && host_.user_namespaces;
    plan_.network = spec_.network;
    plan_.hostname = spec_.hostname;
    plan_.read_only_root = spec_.read_only_root;
    plan_.process = make_process();
    make_ground();
    add_root();
    for (const char* name : {"/proc", "/sys", "/dev"}) plan_.mounts.push_back(mount_op::Move{path(name)});
    add_network_files();
    for (std::size_t i = 0; i < spec_.mounts.size(); ++i) add_mount(i);
    plan_.mounts.push_back(mount_op::Folder{spec_.cwd, 0755, spec_.user.uid, spec_.user.gid});
    plan_.filter = !insecure();
    return std::move(plan_);
  }

  /// docs/sandbox.md, "Without namespaces".
  SandboxPlan make_chroot() {
    if (insecure()) refuse("--security=insecure and --privileged");
    if (spec_.read_only_root) refuse("--read-only");
    plan_.chroot = true;
    plan_.user_namespace = false;
    plan_.network = NetworkMode::host;
    plan_.block_network = spec_.network == NetworkMode::none;
    plan_.process = make_process();
    // Nodes would be of use here, and who may chroot gets out of one.
    plan_.process.capabilities &= ~(1ULL << CAP_MKNOD | 1ULL << CAP_SYS_CHROOT);
    plan_.process.no_new_privileges = true;  // or neither filter nor Landlock could be had
    plan_.process.apparmor_profile.clear();
    plan_.process.selinux_label.clear();
    add_stand_in(path("/proc"), stand_in::Folder{0555});
    add_stand_in(path("/sys"), stand_in::Folder{0555});
    add_stand_in(path("/dev"), stand_in::Devices{});
    add_stand_in(path("/etc/resolv.conf"), stand_in::File{.content = spec_.resolv_conf.value_or(host_.resolv_conf)});
    add_stand_in(path("/etc/hosts"), stand_in::File{.content = hosts_for(spec_.hostname, spec_.extra_hosts)});
    for (std::size_t i = 0; i < spec_.mounts.size(); ++i) add_stand_in_for(i);
    return std::move(plan_);
  }

 private:
  [[noreturn]] static void refuse(std::string_view what) {
    Error error(ErrorKind::unsupported, fmt::format("{} cannot be had with --isolation=chroot", what));
    throw error.set_hint("it needs --isolation=namespace: a host, or a container, in which namespaces can be made");
  }

  template <class What>
  void add_stand_in(RootedPath target, What what) {
    plan_.stand_ins.push_back({std::move(target), std::move(what)});
  }

  void add_stand_in_for(std::size_t index) {
    const StepMount& mount = spec_.mounts[index];
    const RootedPath& target = std::visit([](const auto& m) -> const RootedPath& { return m.target; }, mount);
    check_target(target);
    if (const auto* bind = std::get_if<BindMount>(&mount)) {
      if (bind->read_only || bind->discard_writes) return add_stand_in(target, stand_in::Copy{index});
      if (!bind->home) refuse("a folder that is shared with the host, at " + printable(target.str()) + ",");
      for (std::size_t i = 0; i < index; ++i) {
        const auto* other = std::get_if<BindMount>(&spec_.mounts[i]);
        if (other && other->home && other->name_at_home == bind->name_at_home)
          refuse(fmt::format("one cache at two places, {} and {},", printable(other->target.str()),
                             printable(target.str())));
      }
      add_stand_in(target, stand_in::Moved{index});
    } else if (const auto* tmpfs = std::get_if<TmpfsMount>(&mount)) {
      add_stand_in(target, stand_in::Folder{tmpfs->mode, tmpfs->uid, tmpfs->gid});
    } else if (const auto* secret = std::get_if<SecretFile>(&mount)) {
      add_stand_in(target, stand_in::File{secret->mode, secret->uid, secret->gid, secret->content});
    } else {
      const auto& socket = std::get<SocketMount>(mount);
      add_stand_in(target, stand_in::Socket{socket.mode, socket.uid, socket.gid, index});
    }
  }

  bool insecure() const { return spec_.security == Security::insecure; }

  /// Where nothing else keeps device nodes from being opened, no file system that the step can write has any.
  MountAttributes no_nodes() const { return host_.holds_devices ? 0 : MountAttributes{MOUNT_ATTR_NODEV}; }

  std::size_t add_source(MountSource source) {
    plan_.sources.push_back(std::move(source));
    return plan_.sources.size() - 1;
  }

  void add_root() {
    const MountAttributes attributes = plan_.user_namespace ? MountAttributes{MOUNT_ATTR_NODEV} : no_nodes();
    if (!spec_.root.tree.empty()) {
      plan_.mounts.push_back(mount_op::Tree{add_source(source::Tree{}), attributes});
      return;
    }
    mount_op::Overlay root{.source = add_source(source::Snapshots{}),
                           .upper = spec_.root.upper,
                           .work = spec_.root.work,
                           .attributes = attributes,
                           .lower = spec_.root.lower};
    plan_.mounts.push_back(std::move(root));
  }

  void make_ground() {
    plan_.ground.capabilities = plan_.process.capabilities;
    add_proc_and_sys();
    add_devices();
    if (!insecure()) hide_kernel();
  }

  std::size_t add_ground_source(MountSource source) {
    plan_.ground.sources.push_back(std::move(source));
    return plan_.ground.sources.size() - 1;
  }

  void add_proc_and_sys() {
    plan_.ground.mounts.push_back(mount_op::FileSystem{.target = path("/proc"), .type = "proc", .attributes = kPlain});
    MountAttributes read_only = insecure() ? kPlain : kPlain | MOUNT_ATTR_RDONLY;
    // sysfs shows a network namespace, and is mounted by who owns that.
    if (plan_.user_namespace && spec_.network == NetworkMode::host)
      plan_.ground.mounts.push_back(
          mount_op::Attach{path("/sys"), add_ground_source(source::HostSys{}), true, read_only});
    else
      plan_.ground.mounts.push_back(
          mount_op::FileSystem{.target = path("/sys"), .type = "sysfs", .attributes = read_only});
    if (host_.cgroup2)
      plan_.ground.mounts.push_back(mount_op::FileSystem{
          .target = path("/sys/fs/cgroup"), .type = "cgroup2", .attributes = read_only, .optional = true});
  }

  void add_devices() {
    if (insecure()) {
      plan_.ground.mounts.push_back(mount_op::Attach{path("/dev"), add_ground_source(source::HostDevices{}), true, 0});
    } else {
      plan_.ground.mounts.push_back(
          mount_op::FileSystem{.target = path("/dev"),
                               .type = "tmpfs",
                               .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | no_nodes(),
                               .options = {{"mode", "0755"}, {"size", std::to_string(kDevBytes)}}});
      for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
        plan_.ground.mounts.push_back(mount_op::Attach{path("/dev").child(name),
                                                       add_ground_source(source::Device{name}), false,
                                                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC});
      for (auto [name, text] : {std::pair{"ptmx", "pts/ptmx"},
                                {"fd", "/proc/self/fd"},
                                {"stdin", "/proc/self/fd/0"},
                                {"stdout", "/proc/self/fd/1"},
                                {"stderr", "/proc/self/fd/2"}})
        plan_.ground.mounts.push_back(mount_op::Symlink{path("/dev").child(name), text});
    }
    plan_.ground.mounts.push_back(
        mount_op::FileSystem{.target = path("/dev/pts"),
                             .type = "devpts",
                             .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                             .options = {{"mode", "0620"}, {"ptmxmode", "0666"}, {"gid", "5"}}});
    add_tmpfs(plan_.ground.mounts, path("/dev/shm"), spec_.limits.shm_bytes.value_or(kDefaultShmBytes), 01777, false);
    if (!insecure())
      plan_.ground.mounts.push_back(mount_op::FileSystem{
          .target = path("/dev/mqueue"), .type = "mqueue", .attributes = kPlain, .optional = true});
  }

  static void add_tmpfs(std::vector<MountOp>& mounts, const RootedPath& target, std::optional<std::uint64_t> size_bytes,
                        std::uint32_t mode, bool links) {
    mount_op::FileSystem tmpfs{.target = target, .type = "tmpfs", .attributes = kPlain, .follow_links = links};
    tmpfs.options.emplace_back("mode", fmt::format("{:04o}", mode));
    if (size_bytes) tmpfs.options.emplace_back("size", std::to_string(*size_bytes));
    mounts.push_back(std::move(tmpfs));
  }

  void add_network_files() {
    const MountAttributes attributes = spec_.container ? kPlain : kPlain | MOUNT_ATTR_RDONLY;
    plan_.mounts.push_back(mount_op::File{.target = path("/etc/resolv.conf"),
                                          .attributes = attributes,
                                          .content = spec_.resolv_conf.value_or(host_.resolv_conf)});
    plan_.mounts.push_back(mount_op::File{.target = path("/etc/hosts"),
                                          .attributes = attributes,
                                          .content = hosts_for(spec_.hostname, spec_.extra_hosts)});
  }

  void check_target(const RootedPath& target) const {
    for (const char* kernel : {"/proc", "/sys"})
      if (target == path(kernel) || (target.is_below(path(kernel)) && !(spec_.container && kernel[1] == 's')))
        throw_error(ErrorKind::input, "invalid mount target {:?}: {} is the kernel's", printable(target.str()), kernel);
    if (target.is_root() || target == path("/dev"))
      throw_error(ErrorKind::input, "invalid mount target {:?}", printable(target.str()));
  }

  void add_mount(std::size_t index) {
    const StepMount& mount = spec_.mounts[index];
    check_target(std::visit([](const auto& m) { return m.target; }, mount));
    if (const auto* bind = std::get_if<BindMount>(&mount)) return add_bind(index, *bind);
    if (const auto* tmpfs = std::get_if<TmpfsMount>(&mount)) {
      add_tmpfs(plan_.mounts, tmpfs->target, tmpfs->size_bytes, tmpfs->mode, true);
      auto& made = std::get<mount_op::FileSystem>(plan_.mounts.back());
      if (tmpfs->executable) made.attributes &= ~MountAttributes{MOUNT_ATTR_NOEXEC};
      if (tmpfs->uid) made.options.emplace_back("uid", std::to_string(tmpfs->uid));
      if (tmpfs->gid) made.options.emplace_back("gid", std::to_string(tmpfs->gid));
    } else if (const auto* secret = std::get_if<SecretFile>(&mount)) {
      plan_.mounts.push_back(
          mount_op::File{secret->target, secret->mode, secret->uid, secret->gid, kPlain, secret->content});
    } else {
      const auto& socket = std::get<SocketMount>(mount);
      plan_.mounts.push_back(mount_op::Socket{socket.target, socket.mode, socket.uid, socket.gid, index});
    }
  }

  void add_bind(std::size_t index, const BindMount& bind) {
    std::size_t source = add_source(source::Bind{index, !bind.read_only && !bind.discard_writes});
    bool folder = !host_.files.contains(index);
    if (bind.discard_writes && !bind.read_only)
      plan_.mounts.push_back(mount_op::ThrowAway{bind.target, source, folder});
    else
      plan_.mounts.push_back(mount_op::Attach{
          bind.target, source, folder,
          bind.read_only ? MountAttributes{MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY} : MountAttributes{MOUNT_ATTR_NODEV},
          true});
  }

  /// security.md 3.4.
  void hide_kernel() {
    for (const char* name : {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})
      plan_.ground.mounts.push_back(mount_op::ReadOnly{path(name)});
    for (const char* name : {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                             "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                             "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap"})
      plan_.ground.mounts.push_back(mount_op::Mask{path(name)});
    plan_.ground.mounts.push_back(mount_op::MaskEach{path("/sys/devices/system/cpu"), "cpu", "thermal_throttle"});
  }

  ProcessPlan make_process() const {
    ProcessPlan process{.argv = spec_.argv,
                        .env = spec_.env,
                        .cwd = spec_.cwd,
                        .uid = spec_.user.uid,
                        .gid = spec_.user.gid,
                        .groups = spec_.user.groups,
                        .no_new_privileges = spec_.no_new_privileges,
                        .tty = spec_.tty};
    process.capabilities = change_capabilities(insecure() ? all_capabilities() : default_capabilities(),
                                               spec_.add_capabilities, spec_.drop_capabilities);
    if (!host_.holds_devices) process.capabilities &= ~(1ULL << CAP_MKNOD);
    if (!insecure()) {
      process.apparmor_profile = host_.apparmor_profile;
      process.selinux_label = host_.selinux_label;
    }
    process.limits = {{RLIMIT_CORE, 0, 0, false}, {RLIMIT_NOFILE, 1024, 1048576, false}};
    for (const auto& given : spec_.limits.ulimits) {
      ResourceLimit limit = limit_of(given);
      std::erase_if(process.limits, [&](const ResourceLimit& other) { return other.resource == limit.resource; });
      process.limits.push_back(limit);
    }
    return process;
  }

  const StepSpec& spec_;
  const PlanHost& host_;
  SandboxPlan plan_;
};

/// The kernel would take what stands before it for the whole.
void refuse_nul(const std::vector<std::string>& texts, std::string_view what) {
  for (const std::string& text : texts)
    if (text.find('\0') != std::string::npos)
      throw_error(ErrorKind::input, "{} {} holds a NUL byte", what, printable(text, 100));
}

}  // namespace

SandboxPlan make_plan(const StepSpec& spec, const PlanHost& host) {
  refuse_nul(spec.argv, "argument");
  refuse_nul(spec.env, "variable");
  return Planner(spec, host).make();
}

ProcessPlan make_process_plan(const ExecSpec& spec, const PlanHost& host) {
  StepSpec step{.argv = spec.argv,
                .env = spec.env,
                .cwd = spec.cwd,
                .user = spec.user,
                .security = spec.security,
                .no_new_privileges = spec.no_new_privileges,
                .add_capabilities = spec.add_capabilities,
                .drop_capabilities = spec.drop_capabilities,
                .limits = {.ulimits = spec.ulimits},
                .tty = spec.tty};
  return make_plan(step, host).process;
}

}  // namespace imgb
