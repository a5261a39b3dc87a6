#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace imgb {

/// A value that cannot be reached but through its lock. Never hold the lock across I/O.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}
  /// Runs `use(T&)` under the lock and returns its result.
  template <class Use>
  decltype(auto) with(Use use) {
    std::lock_guard hold(mutex_);
    return use(value_);
  }
  template <class Use>
  decltype(auto) with(Use use) const {
    std::lock_guard hold(mutex_);
    return use(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

/// Runs tasks on at most `threads` threads. The first failure requests stop on `stop()`, drops what has not begun, and
/// is rethrown by `join()`. Tasks may add tasks. Destroyed unjoined: stops, waits, drops the failure. Stop comes also
/// from `parent`, so that cancelling a build cancels everything below it.
class TaskGroup {
 public:
  explicit TaskGroup(unsigned threads, std::stop_token parent = {});
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;

  void add(std::function<void()> task);
  void join();  ///< Waits until nothing is queued or running. Throws the first failure; Error(cancelled) if stopped.
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  void work();
  void keep_failure(std::exception_ptr failure);

  const unsigned max_threads_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::exception_ptr failure_;
  unsigned idle_ = 0, busy_ = 0;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
  std::stop_callback<std::function<void()>> parent_;
};

void throw_if_stopped(const std::stop_token& stop);  ///< Throws Error(cancelled).

}  // namespace imgb
