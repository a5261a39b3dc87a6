#include "core/base/error.h"

#include <cstring>

namespace imgb {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::input:
      return "input";
    case ErrorKind::not_found:
      return "not found";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::system:
      return "system";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::internal:
      return "internal";
  }
  return "unknown";
}

void Error::rebuild() {
  text_.clear();
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) text_ += *frame + ": ";
  text_ += message_;
}

SystemError::SystemError(int errno_value, const std::string& what_failed)
    : Error(ErrorKind::system, what_failed + ": " + std::strerror(errno_value)), errno_(errno_value) {}

std::string describe(const std::exception& e) { return e.what(); }

}  // namespace imgb
