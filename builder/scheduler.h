#pragma once
#include <cstddef>
#include <functional>
#include <stop_token>
#include <vector>

namespace imgb {

/// A graph of tasks: what must be done before what. Tasks are numbers from 0.
struct TaskGraph {
  std::vector<std::vector<std::size_t>> needs;  ///< Per task: those that come before it. Without a cycle.
};

/// Runs every task once its needs are done, at most `jobs` at a time, earlier numbers first. `run` is called on worker
/// threads; `done` on the calling thread, one at a time, before anything that needs the task starts. The first failure
/// stops the rest (through the token that `run` gets) and is rethrown when all that ran has ended; Error(cancelled)
/// when `stop` asks.
void run_graph(const TaskGraph& graph, unsigned jobs, const std::function<void(std::size_t, std::stop_token)>& run,
               const std::function<void(std::size_t)>& done, std::stop_token stop);

}  // namespace imgb
