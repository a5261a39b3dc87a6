#pragma once
#include <sys/types.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>

#include "core/base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/rootless.h"

namespace imgb {

/// The stub's bytes as an executable in memory that nobody can write to (V73: the step never sees a file of ours).
Fd make_stub_program();

/// The process that clones the worlds of one build: already in its user namespace and cgroup, so that a step pays for
/// neither. It ends when this is destroyed, and with it all its worlds. A thread of its own starts it and lives as
/// long, because the kernel ties a child's life to the thread that made it.
/// Threads: all functions may be called at once.
class Spawner {
 public:
  struct Options {
    bool user_namespace = true;
    bool confines = false;     ///< It makes no worlds: --isolation=chroot.
    IdMap uids, gids;          ///< Of the user namespace.
    Cgroup* cgroup = nullptr;  ///< Where it is put; borrowed. May be null.
  };
  Spawner(const Fd& stub, Options options);  ///< Returns at once.
  Spawner(const Spawner&) = delete;
  ~Spawner();

  const Options& options() const { return options_; }
  const Fd& user_namespace();  ///< Waits until it is made. Empty when there is none.
  struct World {
    pid_t pid = -1;
    Fd pidfd, control;
  };
  /// A new process 1 that waits for its plan. `network`: a namespace to join, or -1.
  World spawn(std::uint64_t clone_flags, int network);
  /// A world that has ended, by its number: until then nothing else can have that number.
  void let_go(pid_t world) noexcept;

 private:
  void serve(std::stop_token stop);
  void make_user_namespace(pid_t pid);
  void wait_until_ready();

  const Fd& stub_;
  Options options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool ready_ = false;
  std::exception_ptr failure_;
  Fd socket_, user_namespace_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace imgb
