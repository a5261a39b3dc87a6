#pragma once
#include <chrono>

namespace imgb {

/// Progress of a transfer is worth telling ten times a second, not with every read.
class ReportPace {
 public:
  bool is_due() {
    auto time = std::chrono::steady_clock::now();
    if (time - last_ < std::chrono::milliseconds(100)) return false;
    last_ = time;
    return true;
  }

 private:
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace imgb
