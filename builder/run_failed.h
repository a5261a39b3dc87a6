#pragma once
#include <string>

#include "builder/dockerfile_error.h"
#include "core/base/process.h"

namespace imgb {

/// A RUN's command ended with a failure: `process "/bin/sh -c x" did not complete successfully: exit code: 1`.
class RunFailed : public DockerfileError {
 public:
  RunFailed(std::string message, SharedSource source, LineRange lines, std::string step_label, std::string tail,
            ExitStatus ended)
      : DockerfileError(ErrorKind::input, std::move(message), std::move(source), {SourceLocation{lines}}),
        label(std::move(step_label)),
        log_tail(std::move(tail)),
        status(ended) {}

  std::string label;     ///< "[2/2] RUN false"
  std::string log_tail;  ///< The last lines it wrote, as they came: untrusted bytes.
  ExitStatus status;
};

}  // namespace imgb
