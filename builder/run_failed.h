#pragma once
#include <string>

#include "builder/dockerfile_error.h"

namespace imgb {

/// A RUN's command ended with a failure: `process "/bin/sh -c x" did not complete successfully: exit code: 1`.
class RunFailed : public DockerfileError {
 public:
  RunFailed(std::string message, SharedSource source, LineRange lines)
      : DockerfileError(ErrorKind::input, std::move(message), std::move(source), {SourceLocation{lines}}) {}
};

}  // namespace imgb
