#pragma once
#include <functional>
#include <span>
#include <utility>

#include "registry/server/reply.h"

namespace imgb::server {

/// The rest of a request whose body is wanted, or whose answer takes time. One call at a time, on any thread that may
/// wait for the disk. Failures are exceptions: Service::reply_for.
class Work {
 public:
  virtual ~Work() = default;
  virtual bool wants_body() const { return false; }
  virtual bool is_patient() const { return false; }  ///< Waits for others than the disk, perhaps for minutes.
  virtual void take(std::span<const std::byte>) {}   ///< A piece of the body.
  virtual Reply finish() = 0;
};

/// An answer that takes time.
class LateAnswer : public Work {
 public:
  explicit LateAnswer(std::function<Reply()> answer, bool patient = false)
      : answer_(std::move(answer)), patient_(patient) {}
  bool is_patient() const override { return patient_; }
  Reply finish() override { return answer_(); }

 private:
  std::function<Reply()> answer_;
  bool patient_;
};

}  // namespace imgb::server
