#include "sandbox/step_host.h"

#include <sys/stat.h>

#include "sandbox/host_labels.h"
#include "sandbox/host_text.h"
#include "sandbox/mount_sources.h"
#include "sandbox/seccomp.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxProcesses = 32768;  // security.md 3.8

/// Which mounts bind something that is no folder.
std::set<std::size_t> find_file_mounts(const StepSpec& spec) {
  std::set<std::size_t> files;
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const auto* bind = std::get_if<BindMount>(&spec.mounts[i]);
    struct stat info {};
    if (bind && ::fstat(bind->source_fd, &info) == 0 && !S_ISDIR(info.st_mode)) files.insert(i);
  }
  return files;
}

}  // namespace

void StepHost::warn(std::string text) {
  warnings_.with([&](Warnings& warnings) {
    if (warnings.said.insert(text).second) warnings.pending.push_back(std::move(text));
  });
}

std::vector<std::string> StepHost::take_warnings() {
  return warnings_.with([](Warnings& warnings) { return std::exchange(warnings.pending, {}); });
}

const CgroupPlaces& StepHost::cgroup_places() {
  if (!places_) {
    places_ = find_cgroup_places();
    sweep_cgroups(*places_);
  }
  return *places_;
}

bool StepHost::is_chroot() {
  if (!isolation_) return false;
  const IsolationChoice& choice = isolation_->choice();
  if (!choice.why.empty()) warn(choice.why);
  return choice.chroot;
}

Spawner& StepHost::spawner(Security security) {
  const bool confines = is_chroot();
  std::lock_guard hold(mutex_);
  Kind& kind = kinds_[security];
  if (kind.spawner) return *kind.spawner;
  if (!stub_) stub_ = make_stub_program();
  Cgroup::Wants wants{.pids = kMaxProcesses, .no_devices = security == Security::compat, .required = false};
  kind.cgroup = Cgroup::create(cgroup_places(), wants);
  Spawner::Options how{
      .user_namespace = security == Security::standard && !confines, .confines = confines, .cgroup = kind.cgroup.get()};
  how.uids = how.user_namespace ? step_id_map("uid_map") : reachable_ids("uid_map");
  how.gids = how.user_namespace ? step_id_map("gid_map") : reachable_ids("gid_map");
  kind.spawner = std::make_unique<Spawner>(*stub_, std::move(how));
  return *kind.spawner;
}

/// Whether a device node is of no use in a world of that kind. Where the user namespace is the host's, the cgroup sees
/// to it; in an ordinary user's, and in ours, the kernel opens none.
bool StepHost::holds_devices(Security security) {
  if (security != Security::compat || is_rootless() || is_chroot()) return true;
  spawner(security);
  std::lock_guard hold(mutex_);
  const auto& cgroup = kinds_[security].cgroup;
  if (cgroup && cgroup->holds_devices()) return true;
  warn(
      "this host gives imgb no control over devices: what runs with --security=compat can neither make device nodes "
      "nor "
      "open those of the image");
  return false;
}

std::shared_ptr<const std::string> StepHost::filter(std::uint64_t capabilities) {
  std::lock_guard hold(mutex_);
  auto& known = filters_[capabilities];
  if (!known) known = std::make_shared<const std::string>(seccomp_filter(capabilities));
  return known;
}

const PrivateNetwork& StepHost::private_network() {
  std::lock_guard hold(network_mutex_);
  if (!network_) {
    const Fd& owner = spawner(Security::standard).user_namespace();
    network_ = PrivateNetwork::create(owner.get(), ports_);
  }
  return *network_;
}

std::vector<PortForward> StepHost::forwards() const {
  std::lock_guard hold(network_mutex_);
  return network_ ? network_->forwards() : std::vector<PortForward>();
}

PlanHost StepHost::facts_for(const StepSpec& spec) {
  PlanHost host;
  host.chroot = is_chroot();
  {
    std::lock_guard hold(mutex_);
    if (!labels_) labels_ = Labels{find_apparmor_profile(), find_selinux_label()};
    host.apparmor_profile = labels_->apparmor;
    host.selinux_label = labels_->selinux;
    host.cgroup2 = cgroup_places().v2.has_value();
  }
  host.holds_devices = holds_devices(spec.security);
  host.files = find_file_mounts(spec);
  if (!spec.resolv_conf) {
    bool has_own = spec.network == NetworkMode::isolated && !host.chroot;
    std::string resolver = has_own ? private_network().resolver() : std::string();
    host.resolv_conf = resolv_conf_for(host_text("/etc/resolv.conf"), resolver);
  }
  return host;
}

bool StepHost::needs_compat(const StepSpec& spec) {
  if (spec.security != Security::standard || is_rootless() || is_chroot()) return false;
  if (isolation_ && !isolation_->choice().user_namespaces) {
    warn(
        "no user namespaces may be made here: steps run as with --security=compat, without a user namespace of their "
        "own");
    return true;
  }
  int user_namespace = spawner(Security::standard).user_namespace().get();
  std::lock_guard hold(mutex_);
  if (!idmapped_mounts_) idmapped_mounts_ = takes_idmapped_mounts(*spec.root.snapshots, user_namespace);
  if (!*idmapped_mounts_)
    warn(
        "this kernel, or the file system of the store, takes no idmapped mounts: steps run as with "
        "--security=compat, without a user namespace of their own");
  return !*idmapped_mounts_;
}

void StepHost::limit(Running::State& running, const StepSpec& spec) {
  std::lock_guard hold(mutex_);
  const Limits& limits = spec.limits;
  Cgroup::Wants wants{.memory_bytes = limits.memory_bytes, .pids = limits.pids, .cpus = limits.cpus};
  if (wants.memory_bytes || wants.pids || wants.cpus) {
    // In the version 2 tree it leaves the cgroup of all steps, and what held there must hold here.
    const auto& left = kinds_[spec.security].cgroup;
    if (left && left->limits_processes() && !wants.pids) wants.pids = kMaxProcesses;
    wants.no_devices = left && left->holds_devices();
    running.cgroup = Cgroup::create(cgroup_places(), wants);
    running.cgroup->add(running.pid);
  }
  if (running.cgroup && wants.memory_bytes)
    running.count_oom_kills = [group = running.cgroup.get()] { return group->oom_kills(); };
  else
    running.count_oom_kills = [places = cgroup_places()] { return own_oom_kills(places); };
  running.oom_kills_before = running.count_oom_kills();
}

std::vector<Fd> StepHost::open_sources(const std::vector<MountSource>& sources, const std::vector<MountOp>& mounts,
                                       const StepSpec& spec, bool user_namespace) {
  bool shifted = user_namespace && !is_rootless();
  std::vector<std::string> notes;
  std::vector<Fd> opened =
      open_mount_sources(sources, mounts, spec, shifted ? spawner(spec.security).user_namespace().get() : -1, notes);
  for (std::string& note : notes) warn(std::move(note));
  return opened;
}

}  // namespace imgb
