#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>

#include "core/base/error.h"
#include "core/base/task.h"
#include "sandbox/control.h"
#include "sandbox/host_labels.h"
#include "sandbox/host_text.h"
#include "sandbox/launch.h"
#include "sandbox/mount_sources.h"
#include "sandbox/plan.h"
#include "sandbox/procfs.h"
#include "sandbox/running.h"
#include "sandbox/seccomp.h"
#include "sandbox/spawner.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxProcesses = 32768;  // security.md 3.8
constexpr std::uint64_t kWorldFlags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

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

/// What a step may use is set from here where it takes the host's rights: no process of the world can raise a limit.
void raise_limits(pid_t pid, const std::vector<ResourceLimit>& limits) {
  for (const ResourceLimit& limit : limits) {
    rlimit64 wanted{limit.soft, limit.hard};
    // Refused where imgb has no right to: the stub then takes what it gets, or says that it cannot.
    ::prlimit64(pid, static_cast<__rlimit_resource>(limit.resource), &wanted, nullptr);
  }
}

std::vector<int> raw(const std::vector<Fd>& descriptors) {
  std::vector<int> numbers;
  for (const Fd& one : descriptors) numbers.push_back(one.get());
  return numbers;
}

struct StdioFds {
  explicit StdioFds(const StepIo& io) : null(::open("/dev/null", O_RDWR | O_CLOEXEC)) {
    if (!null) throw_errno("opening /dev/null");
    all = {io.in, io.out, io.err};
    for (int& one : all)
      if (one < 0) one = null.get();
  }
  Fd null;
  std::array<int, 3> all;
};

/// An image may ask for a user that an ordinary user's ranges do not reach.
void check_ids(const ProcessPlan& process, const Spawner::Options& spawner) {
  if (contains(spawner.uids, process.uid) && contains(spawner.gids, process.gid)) return;
  throw Error(ErrorKind::unsupported, fmt::format("user {}, group {} of the image cannot be had here: your id range "
                                                  "does not reach so far",
                                                  process.uid, process.gid))
      .set_hint(
          "install the package uidmap and give yourself ids: usermod --add-subuids 100000-165535 --add-subgids "
          "100000-165535 USER");
}

}  // namespace

struct Sandbox::State {
  explicit State(SandboxOptions given) : options(std::move(given)) {}

  SandboxOptions options;
  std::mutex mutex;
  std::optional<Fd> stub;
  std::optional<CgroupPlaces> places;
  std::optional<bool> idmapped_mounts;
  std::map<std::uint64_t, std::shared_ptr<const std::string>> filters;  ///< By capabilities.
  /// What a world is before its plan is known; equal ones can stand in for each other.
  struct WorldKind {
    Security security = Security::standard;
    std::uint64_t clone_flags = 0;
    int network = -1;
    std::string ground;  ///< As the stub reads it.
    friend bool operator==(const WorldKind&, const WorldKind&) = default;
  };
  struct WaitingWorld {
    WorldKind kind;
    std::unique_ptr<Running::State> world;
  };
  struct Kind {
    std::unique_ptr<Cgroup> cgroup;
    std::unique_ptr<Spawner> spawner;  // after the cgroup that it is in
    std::optional<WaitingWorld> waiting;
  };
  std::map<Security, Kind> kinds;
  std::mutex network_mutex;
  std::optional<PrivateNetwork> network;
  std::string apparmor, selinux;
  std::vector<std::string> warnings;
  std::set<std::string> warned;
  std::jthread warming;  // last: it uses the others

  void warn(std::string text) {
    if (warned.insert(text).second) warnings.push_back(std::move(text));
  }

  const CgroupPlaces& cgroup_places() {
    if (!places) {
      places = find_cgroup_places();
      sweep_cgroups(*places);
    }
    return *places;
  }

  Spawner& spawner(Security security) {
    std::lock_guard hold(mutex);
    Kind& kind = kinds[security];
    if (kind.spawner) return *kind.spawner;
    if (!stub) {
      stub = make_stub_program();
      apparmor = find_apparmor_profile();
      selinux = find_selinux_label();
    }
    Cgroup::Wants wants{.pids = kMaxProcesses, .no_devices = security == Security::compat, .required = false};
    kind.cgroup = Cgroup::create(cgroup_places(), wants);
    if (security == Security::compat && !kind.cgroup)
      warn("this host gives imgb no device cgroup: device nodes that a step makes can be opened");
    Spawner::Options how{.user_namespace = security == Security::standard, .cgroup = kind.cgroup.get()};
    how.uids = step_id_map("uid_map");
    how.gids = step_id_map("gid_map");
    kind.spawner = std::make_unique<Spawner>(*stub, std::move(how));
    return *kind.spawner;
  }

  std::shared_ptr<const std::string> filter(std::uint64_t capabilities) {
    std::lock_guard hold(mutex);
    auto& known = filters[capabilities];
    if (!known) known = std::make_shared<const std::string>(seccomp_filter(capabilities));
    return known;
  }

  const PrivateNetwork& private_network() {
    std::lock_guard hold(network_mutex);
    if (!network) {
      const Fd& owner = spawner(Security::standard).user_namespace();
      network = PrivateNetwork::create(owner.get(), options.ports);
    }
    return *network;
  }

  PlanHost host_for(const StepSpec& spec) {
    PlanHost host;
    host.cgroup2 = [&] {
      std::lock_guard hold(mutex);
      return cgroup_places().v2.has_value();
    }();
    host.apparmor_profile = apparmor;
    host.selinux_label = selinux;
    host.files = find_file_mounts(spec);
    if (!spec.resolv_conf) {
      std::string resolver = spec.network == NetworkMode::isolated ? private_network().resolver() : std::string();
      host.resolv_conf = resolv_conf_for(host_text("/etc/resolv.conf"), resolver);
    }
    return host;
  }

  void limit(Running::State& running, const Limits& limits) {
    std::lock_guard hold(mutex);
    Cgroup::Wants wants{.memory_bytes = limits.memory_bytes, .pids = limits.pids, .cpus = limits.cpus};
    if (wants.memory_bytes || wants.pids || wants.cpus) {
      running.cgroup = Cgroup::create(cgroup_places(), wants);
      running.cgroup->add(running.pid);
    }
    if (running.cgroup && wants.memory_bytes)
      running.count_oom_kills = [group = running.cgroup.get()] { return group->oom_kills(); };
    else
      running.count_oom_kills = [places = cgroup_places()] { return own_oom_kills(places); };
    running.oom_kills_before = running.count_oom_kills();
  }

  /// Standard steps need idmapped mounts. Where there are none, the host's root does as Docker does, and is told.
  bool falls_back(const StepSpec& spec) {
    if (spec.security != Security::standard || is_rootless()) return false;
    int user_namespace = spawner(Security::standard).user_namespace().get();
    std::lock_guard hold(mutex);
    if (!idmapped_mounts) idmapped_mounts = takes_idmapped_mounts(*spec.root.snapshots, user_namespace);
    if (!*idmapped_mounts)
      warn(
          "this kernel, or the file system of the store, takes no idmapped mounts: steps run as with "
          "--security=compat, without a user namespace of their own");
    return !*idmapped_mounts;
  }

  WorldKind kind_of(const SandboxPlan& plan, Security security) {
    std::uint64_t own_network = plan.network == NetworkMode::none ? std::uint64_t{CLONE_NEWNET} : 0;
    int joined = plan.network == NetworkMode::isolated ? private_network().name_space().get() : -1;
    return {security, kWorldFlags | own_network, joined, render_for_stub(plan.ground)};
  }

  std::vector<Fd> open_sources(const std::vector<MountSource>& sources, const std::vector<MountOp>& mounts,
                               const StepSpec& spec, bool user_namespace) {
    bool shifted = user_namespace && !is_rootless();
    std::vector<std::string> notes;
    std::vector<Fd> opened =
        open_mount_sources(sources, mounts, spec, shifted ? spawner(spec.security).user_namespace().get() : -1, notes);
    for (std::string& note : notes) {
      std::lock_guard hold(mutex);
      warn(std::move(note));
    }
    return opened;
  }

  std::unique_ptr<Running::State> make_world(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec);
  std::unique_ptr<Running::State> take_waiting(const WorldKind& kind);
  /// Makes a world for the next step of that kind, unless one waits.
  void prepare(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec) noexcept;
  enum class Next { none, same_kind };
  std::unique_ptr<Running::State> launch(const StepSpec& spec, const StepIo& io, Next next);
};

std::unique_ptr<Running::State> Sandbox::State::make_world(const WorldKind& kind, const SandboxPlan& plan,
                                                           const StepSpec& spec) {
  auto running = std::make_unique<Running::State>();
  Spawner::World world = spawner(kind.security).spawn(kind.clone_flags, kind.network);
  running->pid = world.pid;
  running->pidfd = std::move(world.pidfd);
  running->control = std::move(world.control);
  std::vector<Fd> sources = open_sources(plan.ground.sources, plan.ground.mounts, spec, plan.user_namespace);
  send_plan(running->control, kind.ground, {}, raw(sources));
  return running;
}

std::unique_ptr<Running::State> Sandbox::State::take_waiting(const WorldKind& kind) {
  std::lock_guard hold(mutex);
  std::optional<WaitingWorld>& waiting = kinds[kind.security].waiting;
  if (!waiting || !waiting->world || waiting->kind != kind) return nullptr;
  auto world = std::move(waiting->world);
  waiting.reset();
  return world;
}

void Sandbox::State::prepare(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec) noexcept {
  auto set = [&](std::optional<WaitingWorld> world) {
    std::lock_guard hold(mutex);
    std::swap(kinds[kind.security].waiting, world);
    return world;  // what was there ends outside of the lock
  };
  {
    std::lock_guard hold(mutex);
    auto& waiting = kinds[kind.security].waiting;
    if (waiting && (!waiting->world || waiting->kind == kind)) return;
  }
  try {
    set(WaitingWorld{kind, nullptr});
    set(WaitingWorld{kind, make_world(kind, plan, spec)});
  } catch (const std::exception&) {
    set(std::nullopt);  // the step that needs one tries again, and is told
  }
}

std::unique_ptr<Running::State> Sandbox::State::launch(const StepSpec& spec, const StepIo& io, Next next) {
  if (falls_back(spec)) {
    StepSpec instead = spec;
    instead.security = Security::compat;
    return launch(instead, io, next);
  }
  SandboxPlan plan = make_plan(spec, host_for(spec));
  check_ids(plan.process, spawner(spec.security).options());
  std::string bytes = render_for_stub(plan, plan.filter ? *filter(plan.process.capabilities) : std::string());
  WorldKind kind = kind_of(plan, spec.security);
  auto running = take_waiting(kind);
  if (!running) running = make_world(kind, plan, spec);
  limit(*running, spec.limits);
  raise_limits(running->pid, plan.process.limits);
  std::vector<Fd> sources = open_sources(plan.sources, plan.mounts, spec, plan.user_namespace);
  if (!spec.root.upper.empty()) {
    running->snapshots = spec.root.snapshots->duplicate();
    running->upper = spec.root.upper;
    // The kernel marks the work folder of a volatile overlay as spent: one that was used before is cleared.
    spec.root.snapshots->remove_tree(spec.root.work + "/work");
  }
  for (std::size_t i = 0; i < spec.mounts.size(); ++i)
    if (const auto* socket = std::get_if<SocketMount>(&spec.mounts[i]))
      running->relay_targets.emplace_back(i, socket->source_fd);
  StdioFds stdio(io);
  send_plan(running->control, bytes, stdio.all, raw(sources));
  running->wait_for_start();
  if (next == Next::same_kind) prepare(kind, plan, spec);
  return running;
}

Sandbox::Sandbox(SandboxOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Sandbox::~Sandbox() = default;

void Sandbox::warm_up(const StepSpec& like) {
  std::lock_guard hold(state_->network_mutex);
  if (state_->warming.joinable()) return;
  StepSpec spec;
  spec.security = like.security;
  spec.add_capabilities = like.add_capabilities;
  spec.drop_capabilities = like.drop_capabilities;
  spec.network = like.network;
  spec.limits = like.limits;
  state_->warming = std::jthread([state = state_.get(), spec = std::move(spec)] {
    try {
      SandboxPlan plan = make_plan(spec, state->host_for(spec));
      state->prepare(state->kind_of(plan, spec.security), plan, spec);
    } catch (const std::exception&) {
      return;  // whoever starts a step tries again, and is told
    }
  });
}

Running Sandbox::start(const StepSpec& spec, const StepIo& io) {
  return Running(state_->launch(spec, io, State::Next::none));
}

StepResult Sandbox::run(const StepSpec& spec, Sink& output, std::stop_token stop) {
  throw_if_stopped(stop);
  Pipe pipe = make_pipe();
  auto running = state_->launch(spec, {.out = pipe.write.get(), .err = pipe.write.get()}, State::Next::same_kind);
  pipe.write.reset();
  running->wait_for_end(stop, pipe.read.get(), &output, std::nullopt);
  StepResult result = running->result();
  throw_if_stopped(stop);
  return result;
}

std::vector<PortForward> Sandbox::forwards() const {
  std::lock_guard hold(state_->network_mutex);
  return state_->network ? state_->network->forwards() : std::vector<PortForward>();
}

std::vector<std::string> Sandbox::take_warnings() {
  std::lock_guard hold(state_->mutex);
  return std::move(state_->warnings);
}

}  // namespace imgb
