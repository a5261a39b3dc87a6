#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace imgb {

/// /proc of this process, checked to be a procfs and never left (V78).
class Procfs {
 public:
  static Procfs open();  ///< Error(unsupported) when /proc is not mounted.
  Procfs() = default;
  explicit operator bool() const { return static_cast<bool>(proc_); }

  /// A file of /proc by its path, "self/mountinfo", "12/uid_map". Throws SystemError.
  std::string read(std::string_view path) const;
  void write(std::string_view path, std::string_view text) const;
  Fd open_namespace(pid_t pid, std::string_view kind) const;  ///< "user", "net"
  Fd open_root(pid_t pid) const;                              ///< What it sees as "/", O_PATH.
  /// A second, fully open descriptor of the file that one of ours (O_PATH) stands for.
  static Fd reopen(int descriptor, int flags);
  Fd open_pid(pid_t pid) const;  ///< The folder of a process.
  /// When a process began, in ticks since boot: with the pid it names one process for ever. nullopt: no such process.
  std::optional<std::uint64_t> find_start_time(pid_t pid) const;

 private:
  Fd proc_;
};

}  // namespace imgb
