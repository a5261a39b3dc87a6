#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/time.h"
#include "registry/server/server.h"

namespace imgb {

/// Writes one line a request to standard error, on a thread of its own: a reader that does not read stops nobody. What
/// it cannot keep (a megabyte) is counted instead. Control characters are made harmless.
class AccessLog {
 public:
  AccessLog();
  ~AccessLog();                           ///< Writes what is left.
  void add(const server::LogLine& line);  ///< From any thread.

 private:
  void write_all_day();
  std::mutex mutex_;
  std::condition_variable more_;
  std::string text_;
  std::uint64_t lost_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

/// "2024-01-02T03:04:05Z 127.0.0.1 "GET /v2/" 200 3 0.000120s "curl/7"". Pure.
std::string render_log_line(const server::LogLine& line, Nanoseconds now);

}  // namespace imgb
