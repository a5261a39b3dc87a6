#include "core/base/task.h"

#include "core/base/error.h"

namespace imgb {

TaskGroup::TaskGroup(unsigned threads, std::stop_token parent)
    : max_threads_(std::max(1u, threads)), parent_(std::move(parent), [this] {
        stop_.request_stop();
        // Whoever looked before this and goes to sleep after it has the lock in between.
        { std::lock_guard hold(mutex_); }
        changed_.notify_all();
      }) {}

TaskGroup::~TaskGroup() {
  stop_.request_stop();
  {
    std::lock_guard hold(mutex_);
    closing_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  threads_.clear();  // joins
}

void TaskGroup::add(std::function<void()> task) {
  std::lock_guard hold(mutex_);
  if (stop_.stop_requested()) return;
  queue_.push_back(std::move(task));
  if (idle_ < queue_.size() && threads_.size() < max_threads_) threads_.emplace_back([this] { work(); });
  changed_.notify_one();
}

void TaskGroup::join() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return busy_ == 0 && (queue_.empty() || stop_.stop_requested()); });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (stop_.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
}

void TaskGroup::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return closing_ || (!queue_.empty() && !stop_.stop_requested()); });
    --idle_;
    if (closing_) return;
    auto task = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      task();
    } catch (...) {
      failure = std::current_exception();
    }
    task = nullptr;  // what the task holds is released before join() returns
    if (failure) keep_failure(failure);
    lock.lock();
    --busy_;
    changed_.notify_all();
  }
}

void TaskGroup::keep_failure(std::exception_ptr failure) {
  {
    std::lock_guard hold(mutex_);
    if (!failure_) failure_ = std::move(failure);
    queue_.clear();
  }
  stop_.request_stop();
}

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
}

}  // namespace imgb
