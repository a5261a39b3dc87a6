#pragma once
#include <stop_token>

#include "core/base/process.h"
#include "core/base/stream.h"
#include "sandbox/step.h"

namespace imgb {

/// Runs one process in its own world. The sandbox is one; pipeline tests have a twin.
class StepRunner {
 public:
  virtual ~StepRunner() = default;
  struct Result {
    ExitStatus status;
    bool out_of_memory = false;
  };
  /// Runs to the end; stdout and stderr go to `output` as they come, in one thread. Afterwards no process and no mount
  /// of the step is left. Error(cancelled) when stopped, Error(not_found) when there is no such program in the root
  /// file system. Threads: may be called at once.
  virtual Result run(const StepSpec& spec, Sink& output, std::stop_token stop) = 0;
};

}  // namespace imgb
