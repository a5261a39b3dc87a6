#include "sandbox/worlds.h"

#include <sched.h>

#include "sandbox/control.h"

namespace imgb {
namespace {

constexpr std::uint64_t kWorldFlags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

}  // namespace

WorldKind Worlds::kind_of(const SandboxPlan& plan, Security security) {
  std::uint64_t own_network = plan.network == NetworkMode::none ? std::uint64_t{CLONE_NEWNET} : 0;
  int joined = plan.network == NetworkMode::isolated ? host_.private_network().name_space().get() : -1;
  return {security, kWorldFlags | own_network, joined, render_for_stub(plan.ground)};
}

std::unique_ptr<Running::State> Worlds::get(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec) {
  auto waiting = take(kind);
  return waiting ? std::move(waiting) : make(kind, plan, spec);
}

std::unique_ptr<Running::State> Worlds::make(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec) {
  auto running = std::make_unique<Running::State>();
  Spawner& spawner = host_.spawner(kind.security);
  Spawner::World world = spawner.spawn(kind.clone_flags, kind.network);
  running->spawner = &spawner;
  running->pid = world.pid;
  running->pidfd = std::move(world.pidfd);
  running->control = std::move(world.control);
  std::vector<Fd> sources = host_.open_sources(plan.ground.sources, plan.ground.mounts, spec, plan.user_namespace);
  send_plan(running->control, kind.ground, {}, numbers_of(sources));
  return running;
}

std::unique_ptr<Running::State> Worlds::take(const WorldKind& kind) {
  std::lock_guard hold(mutex_);
  std::optional<Waiting>& waiting = waiting_[kind.security];
  if (!waiting || !waiting->world || waiting->kind != kind) return nullptr;
  auto world = std::move(waiting->world);
  waiting.reset();
  return world;
}

bool Worlds::is_coming(const WorldKind& kind) {
  std::lock_guard hold(mutex_);
  const std::optional<Waiting>& waiting = waiting_[kind.security];
  return waiting && (!waiting->world || waiting->kind == kind);
}

void Worlds::set(Security security, std::optional<Waiting> waiting) {
  std::unique_lock hold(mutex_);
  std::swap(waiting_[security], waiting);
  hold.unlock();  // what was there ends outside of the lock
}

void Worlds::prepare(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec) noexcept {
  if (is_coming(kind)) return;
  try {
    set(kind.security, Waiting{kind, nullptr});
    set(kind.security, Waiting{kind, make(kind, plan, spec)});
  } catch (const std::exception&) {
    set(kind.security, std::nullopt);
  }
}

}  // namespace imgb
