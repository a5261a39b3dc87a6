#pragma once
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_http.h"
#include "tests/support/fake_socket.h"

namespace imgb {

enum class FakeTls {
  none,
  good,  ///< Valid for 127.0.0.1, ::1 and localhost; trusted with ca_file().
  expired,
  wrong_name,
  only_1_1,       ///< Speaks TLS 1.1 at most.
  cut_handshake,  ///< Closes when it hears the client's hello.
};

/// An HTTP server on loopback in this process, a thread per connection: answers with what `answer` says, as well or as
/// badly as its faults want it, and remembers what it was asked. Ends with the object.
/// Threads: all functions may be called at once; `answer` is called from several.
class FakeServer {
 public:
  using Answer = std::function<FakeReply(const FakeRequest&)>;
  FakeServer(std::string address, FakeTls tls, Answer answer);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;

  std::string authority() const;  ///< "127.0.0.1:40123"
  std::string base() const;       ///< "http://127.0.0.1:40123"
  std::uint16_t port() const { return port_; }
  std::string ca_file() const { return (folder_ / "ca.crt").string(); }

  void add_fault(FakeFault fault);
  void clear_faults();
  std::vector<FakeRequest> requests() const;
  void forget_requests();
  std::size_t connections() const;  ///< Accepted so far.

 private:
  void listen();
  void accept_all();
  void serve(int fd);
  bool respond(FakeSocket& socket, const FakeRequest& request);
  FakeFault take_fault(const FakeRequest& request);
  bool pause(std::chrono::milliseconds time);  // false: the server ends

  std::string address_;
  FakeTls tls_;
  Answer answer_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::filesystem::path folder_;
  SslContext context_;

  mutable std::mutex mutex_;
  std::condition_variable_any ending_;
  bool stopping_ = false;
  std::set<int> open_;
  std::vector<FakeFault> faults_;
  std::vector<FakeRequest> requests_;
  std::size_t accepted_ = 0;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

}  // namespace imgb
