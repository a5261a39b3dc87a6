#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "registry/server/service.h"

namespace imgb::server {

/// One request that was answered.
struct LogLine {
  std::string peer, method, target, user_agent;
  int status = 0;
  std::uint64_t sent_bytes = 0;  ///< Of the body.
  std::chrono::microseconds took{};
  bool whole = true;         ///< The client had all of it.
  std::string failure = {};  ///< What went wrong here, for who runs the registry.
};

struct TlsFiles {
  std::string certificate_pem, key_pem;
};

struct ServerOptions {
  std::vector<std::string> addresses;  ///< "127.0.0.1:5000", "[::1]:5000", ":5000"; port 0 is any free one.
  std::optional<TlsFiles> tls;
  unsigned threads = 2;
  std::size_t max_connections = 4096;
  std::chrono::seconds head_time{15};       ///< From the connection to the end of the first request's head.
  std::chrono::seconds idle_time{60};       ///< From one request to the end of the next one's head.
  std::chrono::seconds stall_time{60};      ///< In which a body must make some way.
  std::chrono::seconds grace_time{10};      ///< For what runs when the server is stopped.
  std::function<void(const LogLine&)> log;  ///< From any thread; does not wait.
};

/// Speaks HTTP/1.1 for a Service: a thread per core that waits for all its connections at once; what may wait for the
/// disk runs on workers. Blobs go from the file to the socket within the kernel, unless they are encrypted.
///
/// Against those who come to hold connections (V101): times as above, heads of at most 16 KiB, and when there are too
/// many connections those that ask for nothing are closed, the oldest first.
class Server {
 public:
  /// Listens. Errors: input (an address), system (it is taken), corrupt (certificate or key).
  Server(Service& service, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;

  /// Where it listens: "127.0.0.1:5000".
  std::vector<std::string> addresses() const;
  /// Serves until `stop`; then takes no more connections and lets running requests end within the time of grace.
  void run(std::stop_token stop);
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb::server
