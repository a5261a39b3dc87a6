#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/task.h"
#include "sandbox/cgroup.h"
#include "sandbox/isolation.h"
#include "sandbox/network.h"
#include "sandbox/plan.h"
#include "sandbox/running.h"
#include "sandbox/spawner.h"
#include "sandbox/step.h"

namespace imgb {

/// What this host gives to the steps of one Sandbox, made when first needed and then shared: init program, spawners
/// with their user namespace and cgroup, seccomp filters, the isolated network. Threads: all functions may be called at
/// once.
class StepHost {
 public:
  StepHost(std::vector<PortForward> ports, std::shared_ptr<HostIsolation> isolation)
      : ports_(std::move(ports)), isolation_(std::move(isolation)) {}

  /// Steps run without namespaces and mounts; the user is told.
  bool is_chroot();

  Spawner& spawner(Security security);
  /// The compiled program for these capabilities.
  std::shared_ptr<const std::string> filter(std::uint64_t capabilities);
  const PrivateNetwork& private_network();
  std::vector<PortForward> forwards() const;  ///< None before the network is there.

  /// What the plan of a step needs to know.
  PlanHost facts_for(const StepSpec& spec);
  /// A standard step on a host without idmapped mounts runs as a compat one, as Docker's do; the user is told.
  bool needs_compat(const StepSpec& spec);
  /// Puts the world under its limits, and counts from now on what the kernel kills for memory.
  void limit(Running::State& running, const StepSpec& spec);
  /// The descriptors that a mount list counts.
  std::vector<Fd> open_sources(const std::vector<MountSource>& sources, const std::vector<MountOp>& mounts,
                               const StepSpec& spec, bool user_namespace);

  std::vector<std::string> take_warnings();  ///< Each is given once.

 private:
  struct Kind {
    std::unique_ptr<Cgroup> cgroup;
    std::unique_ptr<Spawner> spawner;  // after the cgroup that it is in
  };
  struct Labels {
    std::string apparmor, selinux;
  };
  struct Warnings {
    std::vector<std::string> pending;
    std::set<std::string> said;
  };
  const CgroupPlaces& cgroup_places();  // with the lock held
  bool holds_devices(Security security);
  void warn(std::string text);

  const std::vector<PortForward> ports_;
  const std::shared_ptr<HostIsolation> isolation_;  ///< Null: namespaces.
  std::mutex mutex_;
  std::optional<Fd> stub_;
  std::optional<CgroupPlaces> places_;
  std::optional<Labels> labels_;
  std::optional<bool> idmapped_mounts_;
  std::map<std::uint64_t, std::shared_ptr<const std::string>> filters_;  ///< By capabilities.
  std::map<Security, Kind> kinds_;
  mutable std::mutex network_mutex_;
  std::optional<PrivateNetwork> network_;
  Guarded<Warnings> warnings_;
};

}  // namespace imgb
