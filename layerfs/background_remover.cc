#include "layerfs/background_remover.h"

#include <chrono>

#include "core/base/error.h"
#include "core/base/remove_tree.h"

namespace imgb {
namespace {
constexpr std::chrono::seconds kLastWait{1};
}

BackgroundRemover::~BackgroundRemover() {
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    if (hurry_ && !changed_.wait_for(lock, kLastWait, [this] { return doomed_.empty() && !busy_; }))
      give_up_.request_stop();
  }
  thread_.request_stop();
  thread_.join();
}

void BackgroundRemover::remove(Dir parent, std::string name, Dir lock) {
  std::lock_guard hold(mutex_);
  doomed_.push_back({std::move(parent), std::move(name), std::move(lock)});
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  changed_.notify_all();
}

void BackgroundRemover::hurry() {
  std::lock_guard hold(mutex_);
  hurry_ = true;
}

void BackgroundRemover::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !doomed_.empty(); }) || !doomed_.empty()) {
    Doomed one = std::move(doomed_.front());
    doomed_.pop_front();
    busy_ = true;
    lock.unlock();
    try {
      remove_tree(one.parent, one.name, give_up_.get_token());
    } catch (const Error&) {
      // Unlocked from now on: the next process sweeps it.
    }
    one = {};
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace imgb
