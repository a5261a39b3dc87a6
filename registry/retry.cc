#include "registry/retry.h"

#include <algorithm>

namespace imgb {
namespace {

bool is_temporary(int status) {
  switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

/// Attempts allowed in all for this kind of failure; 1 means give up.
int attempts_for(const FailedAttempt& failed, const RetryLimits& limits) {
  if (std::holds_alternative<WrongBytes>(failed.what)) return limits.max_corrupt_attempts;
  if (auto* status = std::get_if<int>(&failed.what)) return is_temporary(*status) ? limits.max_attempts : 1;
  switch (std::get<TransportFailure>(failed.what)) {
    case TransportFailure::resolve:
    case TransportFailure::connect:
      return limits.max_unreachable_attempts;
    case TransportFailure::stalled:
    case TransportFailure::cut:
    case TransportFailure::malformed:
      return limits.max_attempts;
    case TransportFailure::tls:
    case TransportFailure::no_tls:
    case TransportFailure::refused_address:
      return 1;
  }
  return 1;
}

}  // namespace

RetryLimits retry_limits(std::optional<std::uint64_t> retries, std::optional<std::chrono::milliseconds> delay) {
  RetryLimits limits;
  if (retries) {
    constexpr std::uint64_t kMost = 1'000'000;
    int attempts = static_cast<int>(std::min(*retries, kMost)) + 1;
    limits.max_attempts = limits.max_unreachable_attempts = limits.max_corrupt_attempts = attempts;
  }
  if (delay) {
    limits.first_wait = *delay;
    limits.max_wait = std::max(limits.max_wait, *delay);
    limits.growing = false;
  }
  return limits;
}

std::optional<std::chrono::milliseconds> find_wait(const FailedAttempt& failed, const RetryLimits& limits,
                                                   double jitter) {
  using std::chrono::milliseconds;
  if (failed.attempt >= attempts_for(failed, limits)) return std::nullopt;
  if (std::holds_alternative<WrongBytes>(failed.what)) return milliseconds(0);
  if (!limits.growing)
    return std::max(limits.first_wait, std::min(failed.retry_after.value_or(limits.first_wait), limits.max_wait));
  milliseconds wait = std::min(limits.first_wait * (1 << std::min(failed.attempt - 1, 16)), limits.max_wait);
  wait = wait / 2 + milliseconds(static_cast<std::int64_t>(jitter * static_cast<double>((wait / 2).count())));
  // Not sooner than without one: a date may lie in the past because the clocks differ.
  return failed.retry_after ? std::clamp(*failed.retry_after, wait, limits.max_wait) : wait;
}

}  // namespace imgb
