#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/dir.h"
#include "core/base/fd.h"
#include "core/base/process.h"
#include "core/base/rooted_path.h"
#include "core/base/stream.h"
#include "sandbox/isolation.h"
#include "sandbox/network.h"
#include "sandbox/step.h"

namespace imgb {

/// Where the main process reads and writes. Borrowed; -1 is /dev/null. Pipes become the program's user's own: give it
/// none that others use. A step with a terminal has that alone, of this size from the start (0: not known).
struct StepIo {
  int in = -1, out = -1, err = -1;
  unsigned rows = 0, columns = 0;
};

struct StepResult {
  ExitStatus status;           ///< Of the main process.
  bool out_of_memory = false;  ///< The kernel killed something of the step for its memory limit: say "killed (out of
                               ///< memory)".
  /// Every mount target that had to be made in the upper folder, parents first. They are removed again (where the step
  /// left them empty); name them in SnapshotStore::CommitOptions::leave_out all the same.
  std::vector<RootedPath> stubs;
};

/// One process in its own world, and everything it started. Destroyed while it runs: all of it is killed (of what
/// joined a world by exec_into, the process and its group). Threads: signal(), kill(), resize_terminal() from any
/// thread; the others from one at a time.
class Running {
 public:
  Running(Running&&) noexcept;
  Running& operator=(Running&&) noexcept;
  ~Running();

  pid_t pid() const;           ///< Of the world's process 1, as the host counts.
  pid_t main_process() const;  ///< Of the program; 0 when it is no more.
  const Fd& terminal() const;  ///< Our side of the terminal (StepSpec::tty); read ends with EIO when all is over.
  void resize_terminal(unsigned rows, unsigned columns) const noexcept;
  void signal(int number) const noexcept;  ///< To the main process.
  void kill() const noexcept;              ///< SIGKILL to all of the world.
  /// Waits for the main process to end, then for the end of everything it left behind. On stop: SIGTERM, one second
  /// later SIGKILL to all; throws Error(cancelled) when nothing is left. Call once.
  StepResult wait(std::stop_token stop = {});
  std::optional<StepResult> wait_for(std::chrono::milliseconds limit);  ///< nullopt: still running.
  const Fd& ended() const;  ///< Readable (poll) when wait() will not block for long.

  struct State;  ///< What this room knows of it: sandbox/running.h.

 private:
  friend class Sandbox;
  friend Running exec_into(pid_t, const ExecSpec&, const StepIo&);
  explicit Running(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct SandboxOptions {
  /// Ports of the host that lead into the isolated network (`run -p`).
  std::vector<PortForward> ports;
  std::shared_ptr<HostIsolation> isolation;  ///< Null: namespaces.
};

/// A standard step on a host without idmapped mounts runs as a compat one, with a warning.
///
/// What the steps of one build, or one container, share: the init program, the compiled seccomp filter, the user
/// namespace, the isolated network (made when the first step needs it), the parent of the cgroups.
/// Errors of start(): not_found (no such program in the root file system), denied (program not executable: 126),
/// unsupported (host lacks a feature, with the remedy as hint), input (a mount target that leads out of its root),
/// system. Threads: start() and run() may be called at once.
class Sandbox {
 public:
  explicit Sandbox(SandboxOptions options = {});
  Sandbox(const Sandbox&) = delete;
  ~Sandbox();  ///< All Running must be gone.

  /// Makes in the background what the first step needs (init program, namespaces, cgroup, network, /proc, /sys, /dev),
  /// when it is known to come: of `like`, security, capabilities, network and limits count. Failures are told by
  /// start().
  void warm_up(const StepSpec& like);
  /// Writable mounts of a step are moved into its root file system while it runs: nobody else can use them then, and
  /// BindMount::home must say where they are kept.
  bool moves_caches();
  /// Returns when the program has been executed.
  Running start(const StepSpec& spec, const StepIo& io);
  /// Runs to the end with stdout and stderr going to `output`, in this thread, as they come (RUN). Never waits for the
  /// end of a pipe that something else may hold. Meanwhile the next step's world is made, as far as it is alike.
  StepResult run(const StepSpec& spec, Sink& output, std::stop_token stop);
  /// The ports of the host that lead into the isolated network, free ones filled in; none before it is there.
  std::vector<PortForward> forwards() const;
  /// Warnings for the user: what this host lacks and what was done instead. Each is said once.
  std::vector<std::string> take_warnings();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `imgb exec`: one more process in the world whose process 1 has the number `pid`. Error(input) when that is no more.
Running exec_into(pid_t pid, const ExecSpec& spec, const StepIo& io);

}  // namespace imgb
