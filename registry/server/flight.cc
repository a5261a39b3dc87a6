#include "registry/server/flight.h"

#include <utility>

namespace imgb::server {

Flight::Progress Flight::progress() const {
  std::lock_guard hold(mutex_);
  return progress_;
}

void Flight::at_change(Progress seen, std::function<void()> wake) {
  {
    std::lock_guard hold(mutex_);
    if (progress_ == seen) {
      wakes_.push_back(std::move(wake));
      return;
    }
  }
  wake();
}

void Flight::set(const std::function<void(Progress&)>& change) {
  std::vector<std::function<void()>> wakes;
  {
    std::lock_guard hold(mutex_);
    change(progress_);
    wakes.swap(wakes_);
  }
  for (auto& wake : wakes) wake();
}

void Flight::advance(std::uint64_t readable) {
  set([&](Progress& progress) { progress.readable = readable; });
}

void Flight::finish(State state) {
  set([&](Progress& progress) { progress.state = state; });
}

}  // namespace imgb::server
