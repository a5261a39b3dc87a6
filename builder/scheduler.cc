#include "builder/scheduler.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <queue>

#include "core/base/error.h"
#include "core/base/task.h"

namespace imgb {
namespace {

struct Completion {
  std::size_t task;
  std::exception_ptr failure;
};

/// From the workers to the one thread that owns the graph.
class Completions {
 public:
  void push(Completion completion) {
    std::lock_guard hold(mutex_);
    arrived_.push_back(std::move(completion));
    changed_.notify_one();
  }
  Completion wait() {
    std::unique_lock hold(mutex_);
    changed_.wait(hold, [&] { return !arrived_.empty(); });
    Completion first = std::move(arrived_.front());
    arrived_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Completion> arrived_;
};

bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    return e.kind() == ErrorKind::cancelled;
  } catch (...) {
    return false;
  }
}

}  // namespace

void run_graph(const TaskGraph& graph, unsigned jobs, const std::function<void(std::size_t, std::stop_token)>& run,
               const std::function<void(std::size_t)>& done, std::stop_token stop) {
  std::size_t count = graph.needs.size();
  std::vector<std::size_t> missing(count);
  std::vector<std::vector<std::size_t>> needed_by(count);
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t task = 0; task < count; ++task) {
    missing[task] = graph.needs[task].size();
    for (std::size_t need : graph.needs[task]) needed_by[need].push_back(task);
    if (missing[task] == 0) ready.push(task);
  }
  Completions completions;
  std::stop_source stopping;
  std::stop_callback from_outside(stop, [&] { stopping.request_stop(); });
  std::exception_ptr failure;
  std::size_t running = 0, finished = 0;
  TaskGroup workers(jobs);
  while (finished < count) {
    while (!ready.empty() && running < jobs && !stopping.stop_requested()) {
      std::size_t task = ready.top();
      ready.pop();
      ++running;
      workers.add([&, task] {
        std::exception_ptr caught;
        try {
          run(task, stopping.get_token());
        } catch (...) {
          caught = std::current_exception();
        }
        completions.push({task, caught});
      });
    }
    if (running == 0) break;  // stopped
    Completion completion = completions.wait();
    --running;
    if (completion.failure) {
      if (!failure || is_cancellation(failure)) failure = completion.failure;
      stopping.request_stop();
      continue;
    }
    ++finished;
    done(completion.task);
    for (std::size_t next : needed_by[completion.task]) {
      if (--missing[next] == 0) ready.push(next);
    }
  }
  workers.join();
  if (failure) std::rethrow_exception(failure);
  if (finished < count) throw_if_stopped(stopping.get_token());
}

}  // namespace imgb
