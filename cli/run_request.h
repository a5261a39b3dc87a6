#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/oci/descriptor.h"
#include "core/oci/image_config.h"
#include "sandbox/isolation.h"
#include "sandbox/network.h"
#include "sandbox/step.h"

namespace imgb {

class Flags;

/// One -v or --mount.
struct VolumeRequest {
  enum class Kind { folder, named, tmpfs, anonymous };
  Kind kind = Kind::folder;
  std::string source;  ///< Absolute host path, or the name of a volume; else empty.
  std::string target;
  bool read_only = false, make_source = false;
  std::optional<std::uint64_t> size_bytes;  ///< tmpfs
  std::uint32_t mode = 01777;               ///< tmpfs
  bool executable = false;                  ///< tmpfs
  std::uint32_t uid = 0, gid = 0;           ///< tmpfs: its owner.
  bool copy = true;                         ///< A new volume begins with what the image has at `target`.
  friend bool operator==(const VolumeRequest&, const VolumeRequest&) = default;
};

/// Everything `imgb run` was asked for, with the image's config taken into account: what a supervisor needs to start
/// the container. Plain data.
struct RunRequest {
  std::optional<Descriptor> image;  ///< Its manifest; known before the container starts.
  std::vector<std::string> argv, env;
  std::string cwd = "/", user, hostname;
  std::vector<VolumeRequest> volumes;
  Security security = Security::standard;
  Isolation isolation = Isolation::automatic;
  bool read_only = false, tty = false, interactive = false, no_new_privileges = false;
  std::vector<std::string> add_capabilities, drop_capabilities;
  NetworkMode network = NetworkMode::isolated;
  std::vector<PortForward> ports;
  std::vector<std::pair<std::string, std::string>> extra_hosts;
  std::vector<std::string> dns;
  Limits limits;
};
std::string render(const RunRequest& request);  ///< JSON
RunRequest parse_run_request(std::string_view json);

/// The flags of `imgb run` that say what the container is like (`imgb run` has more, about itself).
struct RunFlags {
  void describe(Flags& flags);

  std::vector<std::string> env, env_files, volumes, mounts, tmpfs, ports, add_hosts, add_capabilities,
      drop_capabilities, ulimits, dns, security_opts;
  std::optional<std::string> entrypoint, workdir, user, hostname, cpus, pids;
  std::string network = "default", security, isolation, stop_signal;
  std::optional<std::uint64_t> memory, shm_size, stop_timeout;
  bool interactive = false, tty = false, read_only = false, privileged = false, init = false, publish_all = false;
};

/// What the flags and the image's config say together. `command` are the words after the image's name;
/// `environment` gives values of this process's environment to "-e NAME". Reads --env-file files. Errors: usage,
/// input.
RunRequest make_run_request(const RunFlags& flags, const std::vector<std::string>& command, const ImageConfig& image,
                            const std::vector<std::string>& environment);

VolumeRequest parse_volume(std::string_view text, const std::string& current_folder);
VolumeRequest parse_mount_flag(std::string_view text, const std::string& current_folder);
VolumeRequest parse_tmpfs_flag(std::string_view text);
std::vector<std::string> parse_env_file(std::string_view text, std::string_view name,
                                        const std::vector<std::string>& environment);
bool has_variable(const std::vector<std::string>& env, std::string_view name);
/// --env-file and -e of the flags, in that order, onto `env`.
void add_variables(const RunFlags& flags, const std::vector<std::string>& environment, std::vector<std::string>& env);
/// Sets or, for "NAME" alone, takes over from `environment`; NAME that is not set there unsets it.
void apply_env_flag(std::vector<std::string>& env, const std::string& flag,
                    const std::vector<std::string>& environment);

}  // namespace imgb
