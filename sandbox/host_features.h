#pragma once
#include <string>
#include <vector>

#include "core/base/dir.h"

namespace imgb {

/// One thing a host can or cannot do, as `imgb doctor` shows it.
struct HostFeature {
  enum class State { yes, degraded, no };
  std::string name;  ///< "user namespaces"
  State state = State::no;
  std::string detail;  ///< What was found: "v1 and v2 (memory, pids, cpu)", "6.18.4".
  std::string remedy;  ///< What to install or set; empty when nothing is to be done.
};

/// Tries, in child processes where need be, what builds and containers need of this host. `store` is where snapshots
/// will be: whether it takes idmapped mounts and overlay is asked of its file system. May take a second.
std::vector<HostFeature> probe_host(const Dir& store);

}  // namespace imgb
