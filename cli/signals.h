#pragma once
#include <atomic>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <thread>

#include "core/base/fd.h"

namespace imgb {

/// SIGPIPE becomes an error of the write; standard descriptors that were closed become /dev/null, so that no file that
/// is opened later is mistaken for the terminal; no core dumps, since memory may hold credentials (V94).
void prepare_process();

/// Takes signals (SIGINT, SIGTERM, SIGHUP when nothing is said) away from their default action while it lives, on a
/// thread of its own. Make it before other threads: they inherit the signal mask.
class SignalWatch {
 public:
  /// The first signal requests stop; the second one kills the process.
  SignalWatch();
  /// Every signal is given to `on_signal`, on the watching thread.
  SignalWatch(std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~SignalWatch();
  std::stop_token token() const { return stop_.get_token(); }
  int first_signal() const { return first_; }  ///< 0: none came.

 private:
  void watch(std::initializer_list<int> signals);

  std::stop_source stop_;
  std::function<void(int)> on_signal_;
  std::atomic<int> first_ = 0;
  Fd signals_, quit_;
  std::jthread thread_;
};

}  // namespace imgb
