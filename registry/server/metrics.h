#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "core/base/task.h"
#include "registry/server/route.h"

namespace imgb::server {

/// What was asked and sent, in Prometheus' text format. Threads: all functions may be called at once.
class Metrics {
 public:
  struct Done {
    std::string_view route;  ///< name_of(Route)
    std::string_view method;
    int status = 0;
    std::uint64_t sent_bytes = 0, received_bytes = 0;
    std::chrono::microseconds took{};
  };
  void count(const Done& done);

  struct Now {
    std::uint64_t connections = 0, uploads = 0, good_blobs = 0, bad_blobs = 0, checked_bytes = 0;
  };
  std::string render(const Now& now) const;

  std::atomic<std::uint64_t> connections = 0;  ///< Open now.

 private:
  struct Sum {
    std::uint64_t count = 0, micros = 0;
  };
  struct State {
    std::map<std::tuple<std::string_view, std::string_view, int>, std::uint64_t> requests;  // names are literals
    std::map<std::string_view, Sum> times;
    std::uint64_t sent = 0, received = 0;
  };
  Guarded<State> state_;
};

std::string_view name_of(const Route& route);  ///< "manifest", "blob", ...: a literal.

}  // namespace imgb::server
