#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>

#include "core/base/progress.h"
#include "registry/retry.h"

namespace imgb {

/// An attempt that moved this much before it broke got somewhere: the next one counts as the first.
inline constexpr std::uint64_t kProgressBytes = 8ull * 1024 * 1024;

/// Runs attempts by the table in retry.h: knows an attempt's failure by the exception it throws (TransportError,
/// RegistryError, Error(corrupt) for wrong bytes); others are not attempts' failures and pass through.
class Retrier {
 public:
  using Wait = std::function<void(std::chrono::milliseconds, const std::stop_token&)>;
  explicit Retrier(RetryLimits limits);
  Retrier(RetryLimits limits, Wait wait, std::function<double()> jitter);

  /// `body(attempt)`: attempt counts from 1; a body that got somewhere may set it back to 1. The last failure is
  /// rethrown. `activity` (may be null) hears why nothing happens for a second or longer.
  void run(const std::function<void(int& attempt)>& body, const std::stop_token& stop,
           Activity* activity = nullptr) const;
  Retrier with_attempts(int at_most) const;  ///< The same, less patient.

 private:
  RetryLimits limits_;
  Wait wait_;
  std::function<double()> jitter_;
};

}  // namespace imgb
