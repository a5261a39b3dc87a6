#pragma once
#include <functional>
#include <stop_token>
#include <string_view>

#include "core/store/file_lock.h"

namespace imgb {

/// As FileLock::take, but hears the stop: throws Error(cancelled). For locks that others may hold as long as a step
/// runs. Who waits is not served in order.
FileLock take_lock(const Dir& dir, std::string_view name, FileLock::Mode mode, std::stop_token stop);

/// The same for any other kind of lock: until `try_take` gives true.
void wait_until(const std::function<bool()>& try_take, std::stop_token stop);

}  // namespace imgb
