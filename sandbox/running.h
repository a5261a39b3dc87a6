#pragma once
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "sandbox/cgroup.h"
#include "sandbox/launch.h"
#include "sandbox/relay.h"
#include "sandbox/stand_ins.h"
#include "sandbox/stub/wire.h"

namespace imgb {

class Spawner;
struct ResourceLimit;
struct StubMessage;

/// The inside of Running, which worlds.cc, sandbox.cc and exec.cc fill.
struct Running::State {
  pid_t pid = -1;              ///< Nothing else has this number until the spawner, or `joiner`, lets go of it.
  Spawner* spawner = nullptr;  ///< Of a world; borrowed.
  Fd pidfd, control, terminal;
  Fd main;                      ///< The program, from its start on.
  std::optional<Child> joiner;  ///< `imgb exec`: our child, whose end is the end.
  std::unique_ptr<Cgroup> cgroup;
  std::uint64_t oom_kills_before = 0;
  std::function<std::uint64_t()> count_oom_kills;
  std::list<SocketRelay> relays;
  std::vector<std::pair<std::size_t, int>> relay_targets;  ///< Relay number, the host's socket; borrowed until started.
  std::vector<RootedPath> stubs;
  bool confined = false;                ///< In no world: processes are ended by our stub, one by one.
  std::unique_ptr<StandIns> stand_ins;  ///< What the step sees without mounts.
  std::optional<Dir> snapshots;         ///< With `changes`: where stubs are removed in the end.
  std::string changes;

  bool started = false, over = false;
  std::optional<ExitStatus> status;

  ~State();
  /// Reads reports until the program runs; throws what the stub says instead.
  void wait_for_start();
  /// What came by now, without waiting.
  void take_reports();
  void take_report(StubMessage message);
  [[noreturn]] void throw_failure(const StubMessage& message) const;
  /// What a program may use is allowed from here where it takes the host's rights: no process of the world can.
  void raise_limits(const std::vector<ResourceLimit>& limits) const;
  void kill_all() const noexcept;
  void send_signal(int number) const noexcept;
  /// Waits for the end while `output` (a pipe, or -1) is read into `sink`. False: `limit` has passed.
  bool wait_for_end(std::stop_token stop, int output, Sink* sink, std::optional<std::chrono::milliseconds> limit);
  StepResult result();
  void remove_traces() noexcept;
  void let_go() noexcept;
};

}  // namespace imgb
