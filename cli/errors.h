#pragma once
#include <exception>
#include <string>

#include "core/base/error.h"

namespace imgb {

/// A failure with an exit code of its own: 126 and 127 of `imgb run` and `imgb exec`.
class ExitError : public Error {
 public:
  ExitError(const Error& error, int exit_code) : Error(error), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// How a failure is shown, and what the process exits with. Pure.
struct Failure {
  std::string text;  ///< Lines for standard error, ready to write; may be empty.
  int exit_code = 1;
};

/// `failure_code` and `usage_code` are the command's (docker run uses 125 for both); `signal` is the one that stopped
/// us, or 0.
Failure render_failure(const std::exception& failure, int failure_code, int usage_code, int signal);

}  // namespace imgb
