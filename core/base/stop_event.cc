#include "core/base/stop_event.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"

namespace imgb {

StopEvent::StopEvent(std::stop_token stop)
    : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(std::move(stop), [this] { fire(); }) {
  if (!event_) throw_errno("event");
}

void StopEvent::fire() {
  std::uint64_t one = 1;
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) continue;
}

}  // namespace imgb
