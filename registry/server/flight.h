#pragma once
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace imgb::server {

/// Bytes of a blob on their way to be known as right: while they are read for the first time, or while they arrive. Who
/// sends them to a client may send as far as they are readable, but holds the end of the body back until they are good.
/// Threads: all functions may be called at once.
class Flight {
 public:
  enum class State { running, good, bad, broken };  ///< Bad: another's bytes. Broken: they could not be had.
  struct Progress {
    State state = State::running;
    std::uint64_t readable = 0;  ///< From the blob's beginning.
    friend bool operator==(const Progress&, const Progress&) = default;
  };
  Progress progress() const;
  /// Calls `wake` once, on any thread: at once if the progress is another than `seen`, else when it becomes one.
  void at_change(Progress seen, std::function<void()> wake);

  void advance(std::uint64_t readable);
  void finish(State state);

 private:
  void set(const std::function<void(Progress&)>& change);
  mutable std::mutex mutex_;
  Progress progress_;
  std::vector<std::function<void()>> wakes_;
};

}  // namespace imgb::server
