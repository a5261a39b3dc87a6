#pragma once
#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/fd.h"

namespace imgb {

/// How a child ended: exactly one of the two.
struct ExitStatus {
  int code = 0;    ///< exit(code), when signal is 0.
  int signal = 0;  ///< Killed by it.
  bool ok() const { return code == 0 && signal == 0; }
  int shell_code() const { return signal ? 128 + signal : code; }
};

/// What to start. The child gets no descriptor but those named here, an empty signal mask and default signal handlers.
struct Spawn {
  Fd program;  ///< Executed when set (fexecve), else argv[0] as a path or a word looked up in PATH.
  std::vector<std::string> argv;
  std::vector<std::string> env;   ///< "K=V"; exactly this.
  std::map<int, int> fds;         ///< Child's number -> our descriptor. 0, 1, 2 not named here are /dev/null.
  bool die_with_parent = true;    ///< SIGKILL when the spawning *process* ends.
  bool new_session = false;       ///< setsid: no terminal, and no signal of ours reaches it.
  std::uint64_t clone_flags = 0;  ///< CLONE_NEW* for the child.
};

/// A running child, by pidfd. Destroyed while it runs: killed and reaped.
class Child {
 public:
  /// Throws SystemError when it cannot start; ENOENT of the program is Error(not_found). No C++ runs between fork and
  /// exec.
  static Child start(const Spawn& spawn);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  const Fd& pidfd() const { return pidfd_; }
  void signal(int number) const noexcept;                         ///< Nothing when it has been waited for.
  void release() noexcept;                                        ///< Lets it live on; init reaps it after us.
  ExitStatus wait();                                              ///< Once.
  std::optional<ExitStatus> wait_for(std::chrono::milliseconds);  ///< nullopt: still running.

 private:
  /// The kernel ties die_with_parent to the *thread* that cloned the child. So that thread is the child's own and lives
  /// as long as this object: a child may be started by one thread, moved, and waited for by another.
  class Keeper;
  Child(pid_t pid, Fd pidfd, std::unique_ptr<Keeper> keeper);
  void kill_and_reap() noexcept;
  pid_t pid_ = -1;
  Fd pidfd_;  ///< Closed when the child has been reaped.
  std::unique_ptr<Keeper> keeper_;
};

struct Output {
  ExitStatus status;
  std::string out, err;
};
/// Runs a helper to its end in our environment: `input` on stdin, output captured up to `max_bytes` each, killed after
/// `limit` or when it prints more (Error(unavailable)). For credential helpers, newuidmap and the like.
Output run_helper(std::vector<std::string> argv, std::string_view input, std::chrono::milliseconds limit,
                  std::size_t max_bytes = 1 << 20);
/// Absolute path of a program in the absolute folders of PATH; nullopt if there is none.
std::optional<std::string> find_program(std::string_view name);

}  // namespace imgb
