#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <mutex>

#include "core/base/error.h"
#include "core/base/task.h"
#include "sandbox/control.h"
#include "sandbox/launch.h"
#include "sandbox/plan.h"
#include "sandbox/program_user.h"
#include "sandbox/running.h"
#include "sandbox/seccomp.h"
#include "sandbox/stand_ins.h"
#include "sandbox/step_host.h"
#include "sandbox/worlds.h"

namespace imgb {
namespace {

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

}  // namespace

struct Sandbox::State {
  explicit State(SandboxOptions options) : host(std::move(options.ports), std::move(options.isolation)) {}

  enum class Next { none, same_kind };
  std::unique_ptr<Running::State> launch(const StepSpec& spec, const StepIo& io, Next next);
  std::unique_ptr<Running::State> launch_in_chroot(const StepSpec& spec, const StepIo& io);

  StepHost host;
  Worlds worlds{host};
  std::mutex warming_mutex;
  std::jthread warming;  // last: it uses the others
};

std::unique_ptr<Running::State> Sandbox::State::launch(const StepSpec& spec, const StepIo& io, Next next) {
  if (host.is_chroot()) return launch_in_chroot(spec, io);
  if (host.needs_compat(spec)) {
    StepSpec instead = spec;
    instead.security = Security::compat;
    return launch(instead, io, next);
  }
  SandboxPlan plan = make_plan(spec, host.facts_for(spec));
  const Spawner::Options& how = host.spawner(spec.security).options();
  check_ids(plan.process, {how.uids, how.gids});
  plan.process.rows = io.rows;
  plan.process.columns = io.columns;
  give_pipes(io, plan.process, {how.uids, how.gids});
  std::string bytes = render_for_stub(plan, plan.filter ? *host.filter(plan.process.capabilities) : std::string());
  WorldKind kind = worlds.kind_of(plan, spec.security);
  auto running = worlds.get(kind, plan, spec);
  host.limit(*running, spec);
  running->raise_limits(plan.process.limits);
  std::vector<Fd> sources = host.open_sources(plan.sources, plan.mounts, spec, plan.user_namespace);
  if (!spec.root.changes().empty()) {
    running->snapshots = spec.root.snapshots->duplicate();
    running->changes = spec.root.changes();
  }
  if (!spec.root.upper.empty()) {
    // The kernel marks the work folder of a volatile overlay as spent: one that was used before is cleared.
    spec.root.snapshots->remove_tree(spec.root.work + "/work");
  }
  for (std::size_t i = 0; i < spec.mounts.size(); ++i)
    if (const auto* socket = std::get_if<SocketMount>(&spec.mounts[i]))
      running->relay_targets.emplace_back(i, socket->source_fd);
  StdioFds stdio(io);
  send_plan(running->control, bytes, stdio.all, numbers_of(sources));
  running->wait_for_start();
  if (next == Next::same_kind) worlds.prepare(kind, plan, spec);
  return running;
}

std::unique_ptr<Running::State> Sandbox::State::launch_in_chroot(const StepSpec& spec, const StepIo& io) {
  SandboxPlan plan = make_plan(spec, host.facts_for(spec));
  Spawner& spawner = host.spawner(spec.security);
  const WorldIds ids{spawner.options().uids, spawner.options().gids};
  check_ids(plan.process, ids);
  plan.process.rows = io.rows;
  plan.process.columns = io.columns;
  give_pipes(io, plan.process, ids);
  std::string filter = *host.filter(default_capabilities());  // the kernel itself asks for the others
  if (plan.block_network) filter = without_network(filter);
  auto running = std::make_unique<Running::State>();
  Dir root = spec.root.snapshots->open_dir(spec.root.tree);
  running->stand_ins = std::make_unique<StandIns>(root.duplicate(), spec.root.snapshots->open_dir(spec.root.work));
  for (const StandIn& one : plan.stand_ins) running->stand_ins->put(one, spec);
  running->stand_ins->make_working_folder(spec.cwd, spec.user);
  for (auto& [number, listening] : running->stand_ins->take_sockets())
    running->relays.emplace_back(std::move(listening), std::get<SocketMount>(spec.mounts[number]).source_fd);
  Spawner::World world = spawner.spawn(0, -1);
  running->spawner = &spawner;
  running->confined = true;
  running->pid = world.pid;
  running->pidfd = std::move(world.pidfd);
  running->control = std::move(world.control);
  host.limit(*running, spec);
  running->raise_limits(plan.process.limits);
  StdioFds stdio(io);
  int source = root.fd().get();
  send_plan(running->control, render_for_chroot(plan.process, filter), stdio.all, std::span(&source, 1));
  running->wait_for_start();
  return running;
}

Sandbox::Sandbox(SandboxOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Sandbox::~Sandbox() = default;

void Sandbox::warm_up(const StepSpec& like) {
  std::lock_guard hold(state_->warming_mutex);
  if (state_->warming.joinable()) return;
  StepSpec spec;
  spec.security = like.security;
  spec.add_capabilities = like.add_capabilities;
  spec.drop_capabilities = like.drop_capabilities;
  spec.network = like.network;
  spec.limits = like.limits;
  state_->warming = std::jthread([state = state_.get(), spec = std::move(spec)] {
    try {
      if (state->host.is_chroot()) return;  // there is nothing to be made
      SandboxPlan plan = make_plan(spec, state->host.facts_for(spec));
      state->worlds.prepare(state->worlds.kind_of(plan, spec.security), plan, spec);
    } catch (const std::exception&) {
      return;  // whoever starts a step tries again, and is told
    }
  });
}

bool Sandbox::moves_caches() { return state_->host.is_chroot(); }

Running Sandbox::start(const StepSpec& spec, const StepIo& io) {
  return Running(state_->launch(spec, io, State::Next::none));
}

StepResult Sandbox::run(const StepSpec& spec, Sink& output, std::stop_token stop) {
  throw_if_stopped(stop);
  Pipe pipe = make_pipe();
  std::unique_ptr<Running::State> running;
  try {
    running = state_->launch(spec, {.out = pipe.write.get(), .err = pipe.write.get()}, State::Next::same_kind);
  } catch (const Error&) {
    throw_if_stopped(stop);  // a signal that ends the build may have ended what was being set up
    throw;
  }
  pipe.write.reset();
  running->wait_for_end(stop, pipe.read.get(), &output, std::nullopt);
  StepResult result = running->result();
  throw_if_stopped(stop);
  return result;
}

std::vector<PortForward> Sandbox::forwards() const { return state_->host.forwards(); }

std::vector<std::string> Sandbox::take_warnings() { return state_->host.take_warnings(); }

}  // namespace imgb
