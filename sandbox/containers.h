#pragma once
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dir.h"
#include "core/base/error.h"
#include "core/base/fd.h"
#include "core/base/process.h"
#include "core/base/stream.h"
#include "core/base/time.h"
#include "core/store/file_lock.h"
#include "sandbox/launch.h"
#include "sandbox/network.h"

namespace imgb {

/// What is known of a container from its creation on (config.json). Plain data.
struct ContainerConfig {
  std::string id;                    ///< 64 lower-case hex digits, random.
  std::string name;                  ///< As given or made up; unique.
  std::string image;                 ///< As the user named it.
  std::string image_digest;          ///< Manifest.
  std::vector<std::string> command;  ///< argv, for ps.
  Nanoseconds created = 0;
  std::vector<PortForward> ports;
  bool remove_when_done = false;  ///< --rm
  int stop_signal = 15;
  int stop_timeout_seconds = 10;
  bool tty = false;
  std::string request;  ///< The caller's own: all that its supervisor needs to start the container. Opaque here.
};

/// What changes (state.json).
struct ContainerState {
  enum class Phase { created, running, exited };
  Phase phase = Phase::created;
  /// While running. `init` is process 1 of its world, `main_process` the program; with when they began (Procfs), since
  /// numbers are used again.
  pid_t supervisor = 0, init = 0, main_process = 0;
  std::uint64_t init_began = 0, main_began = 0;
  Nanoseconds started = 0, finished = 0;
  std::optional<int> exit_code;
  bool out_of_memory = false;
  std::string error;               ///< Why it could not start or went wrong; empty otherwise.
  std::vector<PortForward> ports;  ///< As they are: free ports filled in.
};

struct Container {
  ContainerConfig config;
  ContainerState state;
};

/// containers/ of the store: one folder per container, named by its id:
///   config.json  ContainerConfig      state.json  ContainerState      log, log.old  output (see read_log)
///   lock         flocked by the process that runs the container: held = running, whatever state.json says
/// No daemon: a container that runs detached is owned by a supervisor, this program executed again.
class Containers {
 public:
  explicit Containers(Dir folder);

  /// Makes the folder. Fills in id and, when empty, name. Error(input) when the name is taken or no name.
  Container create(ContainerConfig config) const;
  std::vector<Container> list() const;  ///< Newest first. A dead supervisor's container shows as exited, code 137.
  /// By name, id or a prefix of an id that is unique. Error(not_found), Error(input) when ambiguous.
  Container get(std::string_view name_or_id) const;
  /// Error(denied) while it runs. Waits for an owner who has written the last state but not let go yet.
  void remove(std::string_view id) const;
  Dir folder_of(std::string_view id) const;
  /// What a process that was killed amid create or remove left, by folder; nothing of those at work. REQUIRES: names.
  std::vector<std::string> list_remains(const FileLock& names) const;
  void remove_remains(const FileLock& names, const std::string& folder) const;
  /// While it lives no container comes to be; held as shared by those who only look.
  FileLock lock_names(FileLock::Mode mode = FileLock::Mode::exclusive) const;

 private:
  Dir folder_;
};

/// Held by the process that runs a container, foreground or supervisor.
class ContainerOwner {
 public:
  ContainerOwner(const Containers& containers, const std::string& id);  ///< Error(denied) when another one runs it.
  ContainerOwner(ContainerOwner&&) noexcept;
  ~ContainerOwner();
  const ContainerConfig& config() const;
  void started(pid_t init, pid_t main_process, const std::vector<PortForward>& ports);
  /// The last state, written when all that the container was made of is gone. Also where the disk is full.
  void exited(const StepResult& result, Nanoseconds finished);
  void failed(std::string_view error, int exit_code = 125);  ///< It did not come to run.
  enum class Stream { out = 1, err = 2 };
  void log(Stream stream, std::span<const std::byte> bytes) noexcept;  ///< What cannot be written is lost.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Starts the supervisor: this program again with `words` (the hidden command and its arguments), in a session of
/// its own, with /dev/null as stdin, stdout and stderr. Returns when it has said ready(); throws what it said by
/// failed() as StartFailure, or Error(internal) when it ended without a word.
class StartFailure : public Error {
 public:
  StartFailure(const Error& error, int exit_code) : Error(error), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};
/// Returns its warnings.
std::vector<std::string> start_supervisor(const std::vector<std::string>& words);
/// In the supervisor: tells the waiting parent. Once.
class SupervisorReport {
 public:
  /// From the descriptor that start_supervisor gave. Make it first: threads made later inherit the signal mask that
  /// supervise() needs.
  SupervisorReport();
  void ready(const std::vector<std::string>& warnings);
  void failed(const Error& error, int exit_code = 125);

 private:
  Fd to_parent_;
};
/// Runs a started container to its end in this process: output to its log, signals passed on. Used by the supervisor.
StepResult supervise(ContainerOwner& owner, Running& running, const Fd& out, const Fd& err);

/// Sends the stop signal to the program, and SIGKILL to all when the timeout has passed; returns when the container is
/// over and nobody looks after it any more. Error(unavailable) when whoever does has not finished a minute later.
void stop_container(const Containers& containers, const Container& container, std::optional<int> timeout_seconds);

/// Reads a container's log: records "<nanoseconds> <1|2> <length>\n<bytes>\n". With `follow`, waits for more until the
/// container has ended or `stop` comes.
struct LogRecord {
  Nanoseconds time = 0;
  ContainerOwner::Stream stream = ContainerOwner::Stream::out;
  std::string bytes;
};
void read_log(const Containers& containers, std::string_view id, bool follow, std::stop_token stop,
              const std::function<void(const LogRecord&)>& record);

}  // namespace imgb
