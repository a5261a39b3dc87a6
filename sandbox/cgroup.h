#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dir.h"

namespace imgb {

/// Where this process is in the host's cgroup trees; made from the texts of /proc/self/mountinfo and /proc/self/cgroup.
/// Version 1 has a tree per controller, version 2 one for all; hybrid hosts have both.
struct CgroupPlaces {
  std::map<std::string, std::filesystem::path> v1;  ///< By controller: the folder of this process.
  std::optional<std::filesystem::path> v2;
  std::filesystem::path v2_root;  ///< Where the tree is mounted.
};
/// Pure. Lines it does not understand are skipped.
CgroupPlaces parse_cgroup_places(std::string_view mountinfo, std::string_view self_cgroup);
CgroupPlaces find_cgroup_places();
CgroupPlaces find_cgroup_places(pid_t pid);  ///< Where another process is.

/// "imgb-<pid>-<start time>-<number>": says by its name whose it is, so that what a killed imgb left can be swept.
struct CgroupName {
  pid_t pid = 0;
  std::uint64_t start_time = 0, number = 0;
  friend bool operator==(const CgroupName&, const CgroupName&) = default;
};
std::string render_cgroup_name(const CgroupName& name);
std::optional<CgroupName> find_cgroup_name(std::string_view text);

/// A cgroup of our own, in every tree that it needs. Removed when destroyed; by then it must be empty.
class Cgroup {
 public:
  /// What is asked for beyond belonging together.
  struct Wants {
    std::optional<std::uint64_t> memory_bytes, pids;
    std::optional<double> cpus;
    bool no_devices = false;  ///< Only the harmless ones of security.md 3.5 can be opened.
    bool required = true;     ///< False: do without what this host does not offer.
  };
  /// nullptr when nothing of it can be had and nothing is required. Error(unsupported) names the missing controller.
  static std::unique_ptr<Cgroup> create(const CgroupPlaces& places, const Wants& wants);
  ~Cgroup();

  void add(pid_t pid);
  std::uint64_t oom_kills() const;  ///< So far; 0 without a memory controller.
  bool holds_devices() const;       ///< No other devices than the harmless ones can be opened in it.
  bool limits_processes() const { return limits_processes_; }

 private:
  struct Part {
    Dir dir;
    std::filesystem::path path;
  };
  Cgroup() = default;
  Part& keep(std::string controller, Part part);
  std::map<std::string, Part> parts_;  ///< By controller; "" is the version 2 tree.
  Fd device_program_;
  bool limits_processes_ = false;
};

/// Moves a process of `from` to the cgroups of ours that `to` names, so that it has the same limits.
void move_to_cgroups(pid_t pid, const CgroupPlaces& from, const CgroupPlaces& to);
/// How often the kernel killed for memory in the cgroup this process is in.
std::uint64_t own_oom_kills(const CgroupPlaces& places);
/// Removes cgroups of imgb processes that are no more.
void sweep_cgroups(const CgroupPlaces& places);

}  // namespace imgb
