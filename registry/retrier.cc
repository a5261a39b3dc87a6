#include "registry/retrier.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "core/base/task.h"
#include "registry/registry_error.h"

namespace imgb {
namespace {

constexpr std::chrono::seconds kTold{1};

void wait_or_stop(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock hold(mutex);
  never.wait_for(hold, stop, time, [] { return false; });
  throw_if_stopped(stop);
}

std::function<double()> random_jitter() {
  return [] {
    std::random_device device;
    return std::uniform_real_distribution<double>(0, 1)(device);
  };
}

std::optional<FailedAttempt> find_failure(const Error& error, int attempt) {
  if (auto* transport = dynamic_cast<const TransportError*>(&error)) {
    return FailedAttempt{attempt, transport->failure(), std::nullopt};
  }
  if (auto* answer = dynamic_cast<const RegistryError*>(&error)) {
    return FailedAttempt{attempt, answer->status(), answer->retry_after};
  }
  if (error.kind() == ErrorKind::corrupt) return FailedAttempt{attempt, WrongBytes{}, std::nullopt};
  return std::nullopt;
}

}  // namespace

Retrier::Retrier(RetryLimits limits) : Retrier(limits, wait_or_stop, random_jitter()) {}
Retrier::Retrier(RetryLimits limits, Wait wait, std::function<double()> jitter)
    : limits_(limits), wait_(std::move(wait)), jitter_(std::move(jitter)) {}

void Retrier::run(const std::function<void(int& attempt)>& body, const std::stop_token& stop,
                  Activity* activity) const {
  for (int attempt = 1;; ++attempt) {
    std::chrono::milliseconds pause{0};
    try {
      return body(attempt);
    } catch (Error& error) {
      auto failed = find_failure(error, attempt);
      auto wait = failed ? find_wait(*failed, limits_, jitter_()) : std::nullopt;
      if (!wait) {
        if (attempt > 1) error.add_frame(fmt::format("after {} attempts", attempt));
        throw;
      }
      pause = *wait;
      if (activity && pause >= kTold) {
        activity->note(fmt::format("{}; trying again in {} s", error.message(),
                                   std::chrono::round<std::chrono::seconds>(pause).count()));
      }
    }
    wait_(pause, stop);
  }
}

Retrier Retrier::with_attempts(int at_most) const {
  Retrier out = *this;
  for (int* limit :
       {&out.limits_.max_attempts, &out.limits_.max_unreachable_attempts, &out.limits_.max_corrupt_attempts}) {
    *limit = std::min(*limit, at_most);
  }
  return out;
}

}  // namespace imgb
