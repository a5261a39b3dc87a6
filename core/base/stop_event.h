#pragma once
#include <functional>
#include <stop_token>

#include "core/base/fd.h"

namespace imgb {

/// A descriptor that becomes readable when the token is stopped, for threads that wait in poll(). Errors: system.
class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop);
  int get() const { return event_.get(); }

 private:
  void fire();
  Fd event_;
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace imgb
