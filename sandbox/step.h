#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/dir.h"
#include "core/base/fd.h"
#include "core/base/process.h"
#include "core/base/rooted_path.h"
#include "layerfs/snapshot_store.h"
#include "sandbox/user.h"

namespace imgb {

/// What the caller of the sandbox asks for: one process in its own world. Plain data but for the open folders it
/// borrows. `sandbox/plan.h` turns it into a SandboxPlan (pure), `sandbox/launch.h` runs it.

/// The root file system: names below `snapshots`.
struct RootFs {
  const Dir* snapshots = nullptr;
  std::vector<std::string> lower;  ///< Folders of an overlay, top first.
  std::string upper;               ///< Of an overlay; empty for a read-only root.
  std::string work;                ///< A folder for who puts the root together.
  std::string tree;  ///< One folder that holds all of it, and takes the changes; then there is no overlay.
  /// Where changes go.
  const std::string& changes() const { return tree.empty() ? upper : tree; }
};
RootFs root_fs(const Dir& snapshots, const SnapshotStore::Scratch& scratch, std::vector<std::string> lower);

struct BindMount {     ///< A folder or file, attached from its O_PATH fd and never by name (V31, V79).
  int source_fd = -1;  ///< Borrowed.
  RootedPath target;
  bool read_only = true;
  bool discard_writes = false;  ///< RUN --mount=type=bind,rw: an overlay over the source that is thrown away (V34).
  bool recursive = false;       ///< With what is mounted below the source (run -v).
  /// Where the source is kept, when nobody else uses it now: a sandbox that cannot mount moves it to its target, and
  /// back. Borrowed.
  const Dir* home = nullptr;
  std::string name_at_home;
};
struct TmpfsMount {
  RootedPath target;
  std::optional<std::uint64_t> size_bytes;
  std::uint32_t mode = 01777;
  bool executable = false;  ///< Programs on it may be run.
  std::uint32_t uid = 0, gid = 0;
};
struct SecretFile {  ///< Content on a tmpfs of its own; leaves nothing on disk (V49, V50).
  RootedPath target;
  std::string content;
  std::uint32_t mode = 0400, uid = 0, gid = 0;
};
struct SocketMount {  ///< A host socket (ssh agent) by its O_PATH fd.
  int source_fd = -1;
  RootedPath target;
  std::uint32_t mode = 0600, uid = 0, gid = 0;
};
using StepMount = std::variant<BindMount, TmpfsMount, SecretFile, SocketMount>;

enum class Security {
  standard,  ///< User namespace, 14 capabilities, seccomp list, masked paths.
  compat,    ///< Docker's: no user namespace, device cgroup.
  insecure,  ///< --privileged.
};
enum class NetworkMode { isolated, host, none };

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

struct Limits {
  std::optional<std::uint64_t> memory_bytes, shm_bytes;
  std::optional<double> cpus;
  std::optional<std::uint64_t> pids;  ///< Unset: 32,768 (security.md 3.8). kUnlimited: as many as the host allows.
  struct Rlimit {
    std::string name;  ///< "nofile"
    std::uint64_t soft = 0, hard = 0;
  };
  std::vector<Rlimit> ulimits;
};

struct StepSpec {
  RootFs root;
  std::vector<StepMount> mounts;  ///< In the order they are attached.
  std::vector<std::string> argv, env;
  RootedPath cwd;  ///< Made when missing, owned by the user.
  UserIds user;
  std::string hostname = "buildkitsandbox";
  Security security = Security::standard;
  bool read_only_root = false;
  bool no_new_privileges = false;
  std::vector<std::string> add_capabilities, drop_capabilities;  ///< "NET_ADMIN", "ALL"
  NetworkMode network = NetworkMode::isolated;
  std::vector<std::pair<std::string, std::string>> extra_hosts;  ///< name, address
  std::optional<std::string> resolv_conf;  ///< Unset: made from the host's, as the network mode needs.
  Limits limits;
  bool tty = false;
  /// `imgb run`: mounts are the user's own wish, so that they may lie over parts of /sys, and /etc/hosts and
  /// /etc/resolv.conf can be written. No Dockerfile may have that (V29).
  bool container = false;
};

/// `imgb exec`: one more process in a running world.
struct ExecSpec {
  std::uint64_t world_began =
      0;  ///< When the world's process 1 did (Procfs): its number alone may be another's. 0: any.
  std::vector<std::string> argv, env;
  RootedPath cwd;
  UserIds user;
  Security security = Security::standard;
  std::vector<std::string> add_capabilities, drop_capabilities;
  bool no_new_privileges = false;
  std::vector<Limits::Rlimit> ulimits;
  bool tty = false;
};

}  // namespace imgb
