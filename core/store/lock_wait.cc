#include "core/store/lock_wait.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "core/base/error.h"

namespace imgb {
namespace {
/// flock(2) waits without limit or not at all, and nobody is told when a lock is given up.
constexpr std::chrono::milliseconds kTryEvery{20};
}  // namespace

void wait_until(const std::function<bool()>& try_take, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock hold(mutex);
  for (;;) {
    if (try_take()) return;
    stopped.wait_for(hold, stop, kTryEvery, [] { return false; });
    if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped while waiting for a lock");
  }
}

FileLock take_lock(const Dir& dir, std::string_view name, FileLock::Mode mode, std::stop_token stop) {
  std::optional<FileLock> lock;
  wait_until([&] { return (lock = FileLock::try_take(dir, name, mode)).has_value(); }, std::move(stop));
  return *std::move(lock);
}

}  // namespace imgb
