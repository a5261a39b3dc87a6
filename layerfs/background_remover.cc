#include "layerfs/background_remover.h"

#include "core/base/error.h"

namespace imgb {

BackgroundRemover::~BackgroundRemover() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void BackgroundRemover::remove(Dir parent, std::string name, Dir lock) {
  std::lock_guard hold(mutex_);
  doomed_.push_back({std::move(parent), std::move(name), std::move(lock)});
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  changed_.notify_one();
}

void BackgroundRemover::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !doomed_.empty(); }) || !doomed_.empty()) {
    Doomed one = std::move(doomed_.front());
    doomed_.pop_front();
    lock.unlock();
    try {
      one.parent.remove_tree(one.name);
    } catch (const Error&) {
      // Unlocked from now on: the next process sweeps it.
    }
    one = {};
    lock.lock();
  }
}

}  // namespace imgb
