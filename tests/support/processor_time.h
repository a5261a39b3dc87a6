#pragma once
#include <ctime>

namespace imgb {

/// Seconds of processor time that this thread has taken: what is slow shows in it, and a busy host does not.
inline double processor_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace imgb
