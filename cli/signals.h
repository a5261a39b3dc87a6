#pragma once
#include <atomic>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/base/fd.h"
#include "core/base/task.h"

namespace imgb {

/// SIGPIPE, and SIGXFSZ of `ulimit -f`, become errors of the write; standard descriptors that were closed become
/// /dev/null, so that no file that is opened later is mistaken for the terminal; no core dumps, since memory may hold
/// credentials (V94).
void prepare_process();

/// Takes signals away from their default action while it lives, on a thread of its own. Make it before other threads:
/// they inherit the signal mask.
class SignalWatch {
 public:
  /// The first SIGINT, SIGTERM, SIGHUP or SIGQUIT requests stop, a second one kills the process; others are dropped.
  explicit SignalWatch(std::initializer_list<int> signals);
  ~SignalWatch();
  std::stop_token token() const { return stop_.get_token(); }
  int first_signal() const { return first_; }  ///< That requested stop; 0: none came.
  /// From now on signals are given to `on_signal`, on the watching thread, instead; null: as before. Those that came
  /// earlier are given to it at once, so that none is lost while a program is started.
  void forward(std::function<void(int)> on_signal);

 private:
  void watch();
  void take(int number);

  struct Forward {
    std::function<void(int)> to;
    std::vector<int> early;  ///< Came while there was nobody to give them to; each number once.
  };
  std::stop_source stop_;
  Guarded<Forward> forward_;
  std::atomic<int> first_ = 0;
  Fd signals_, quit_;
  std::jthread thread_;
};

}  // namespace imgb
