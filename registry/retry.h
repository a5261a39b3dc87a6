#pragma once
#include <chrono>
#include <optional>
#include <variant>

#include "registry/http.h"

namespace imgb {

struct RetryLimits {
  int max_attempts = 6;              ///< The first try included: at most 5 retries (F7).
  int max_unreachable_attempts = 3;  ///< When nobody answers at all: a wrong name does not get better.
  int max_corrupt_attempts = 3;      ///< Wrong bytes.
  std::chrono::milliseconds first_wait{300};
  bool growing = true;  ///< Each wait is twice the one before; else all are the first, without jitter.
  std::chrono::milliseconds max_wait{60'000};  ///< Also for Retry-After (F9).
};

/// As users ask for it: so many tries after the first, at most; so long between them each time, when it is said.
RetryLimits retry_limits(std::optional<std::uint64_t> retries, std::optional<std::chrono::milliseconds> delay);

/// What went wrong with attempt number `attempt` (from 1): an answer with a status, no or half an answer, or wrong
/// bytes.
struct WrongBytes {};
struct FailedAttempt {
  int attempt = 1;
  std::variant<int, TransportFailure, WrongBytes> what;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// How long to wait before the next attempt; nullopt to give up. Pure; `jitter` in [0, 1) is the caller's.
///
///   | what                          | then                                                               |
///   |-------------------------------|--------------------------------------------------------------------|
///   | 408 425 429 500 502 503 504   | 2^n x first_wait, half of it jitter; Retry-After if longer, capped |
///   | cut, stalled, malformed       | the same                                                           |
///   | resolve, connect              | the same, fewer times                                              |
///   | wrong bytes                   | at once, fewer times                                               |
///   | other statuses                | give up (401 is answered by authorisation, not here)               |
///   | tls, no_tls, refused address  | give up: trying again means wearing the check down                 |
std::optional<std::chrono::milliseconds> find_wait(const FailedAttempt& failed, const RetryLimits& limits,
                                                   double jitter);

}  // namespace imgb
