#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "sandbox/plan.h"
#include "sandbox/running.h"
#include "sandbox/step.h"
#include "sandbox/step_host.h"

namespace imgb {

/// What a world is before its plan is known; equal ones can stand in for each other.
struct WorldKind {
  Security security = Security::standard;
  std::uint64_t clone_flags = 0;
  int network = -1;    ///< The namespace to join; borrowed.
  std::string ground;  ///< As the stub reads it.
  friend bool operator==(const WorldKind&, const WorldKind&) = default;
};

/// Worlds with their ground, which wait for a plan: one is made while the step before runs. Borrows `host`.
/// Threads: all functions may be called at once.
class Worlds {
 public:
  explicit Worlds(StepHost& host) : host_(host) {}

  WorldKind kind_of(const SandboxPlan& plan, Security security);
  /// One that waits, or a new one.
  std::unique_ptr<Running::State> get(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec);
  /// Makes a world for the next step of that kind, unless one waits. A failure is told to the step that needs one.
  void prepare(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec) noexcept;

 private:
  struct Waiting {
    WorldKind kind;
    std::unique_ptr<Running::State> world;  ///< Null while it is being made.
  };
  std::unique_ptr<Running::State> make(const WorldKind& kind, const SandboxPlan& plan, const StepSpec& spec);
  std::unique_ptr<Running::State> take(const WorldKind& kind);
  bool is_coming(const WorldKind& kind);
  void set(Security security, std::optional<Waiting> waiting);

  StepHost& host_;
  std::mutex mutex_;
  std::map<Security, std::optional<Waiting>> waiting_;
};

}  // namespace imgb
