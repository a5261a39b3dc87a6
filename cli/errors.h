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

struct FailureOptions {
  int failure_code = 1, usage_code = 2;  ///< The command's: docker run uses 125 for both.
  int signal = 0;                        ///< That stopped us; 0: none.
  bool debug = false;                    ///< Adds kind and frames, one per line.
  std::string hint = {};                 ///< For failures that have none of their own.
};
/// Something of another type, or a link, stands where the store has its own: only it can be told to move it away.
bool is_in_the_way(const std::exception& failure, const std::string& root);
bool is_out_of_space(const std::exception& failure);
Failure render_failure(const std::exception& failure, const FailureOptions& options);

}  // namespace imgb
