#include "tests/support/fake_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>

#include <stdexcept>

namespace imgb {

FakeServer::FakeServer(std::string address, FakeTls tls, Answer answer)
    : address_(std::move(address)), tls_(tls), answer_(std::move(answer)) {
  std::string name = (std::filesystem::temp_directory_path() / "fake-server-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
  folder_ = name;
  if (tls_ != FakeTls::none) {
    context_ =
        make_tls_context({tls_ == FakeTls::expired, tls_ == FakeTls::wrong_name, tls_ == FakeTls::only_1_1}, ca_file());
  }
  listen();
  acceptor_ = std::jthread([this] { accept_all(); });
}

void FakeServer::listen() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, address_.c_str(), &address.sin_addr);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("the fake server cannot listen");
  }
  port_ = ntohs(address.sin_port);
}

FakeServer::~FakeServer() {
  {
    std::lock_guard hold(mutex_);
    stopping_ = true;
    for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  ending_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  threads_.clear();
  ::close(listener_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string FakeServer::authority() const { return fmt::format("{}:{}", address_, port_); }
std::string FakeServer::base() const { return (tls_ == FakeTls::none ? "http://" : "https://") + authority(); }

void FakeServer::accept_all() {
  for (;;) {
    int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard hold(mutex_);
    if (stopping_ || fd < 0) {
      if (fd >= 0) ::close(fd);
      return;
    }
    open_.insert(fd);
    ++accepted_;
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeServer::serve(int fd) {
  sigset_t sigpipe;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
  int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  auto forget = [&] {
    std::lock_guard hold(mutex_);
    open_.erase(fd);
  };
  if (tls_ == FakeTls::cut_handshake) {
    char hello[16];
    (void)!::recv(fd, hello, sizeof hello, 0);
    forget();
    ::close(fd);
    return;
  }
  FakeSocket socket(fd, context_.get());
  std::string buffer;
  if (socket.shake_hands()) {
    while (auto request = read_request(socket, buffer)) {
      if (!respond(socket, *request)) break;
    }
  }
  forget();
}

FakeFault FakeServer::take_fault(const FakeRequest& request) {
  std::lock_guard hold(mutex_);
  requests_.push_back(request);
  for (FakeFault& fault : faults_) {
    if (!fits(fault, request)) continue;
    if (fault.times > 0) --fault.times;
    return fault;
  }
  return {};
}

bool FakeServer::pause(std::chrono::milliseconds time) {
  std::unique_lock hold(mutex_);
  return !ending_.wait_for(hold, time, [&] { return stopping_; });
}

bool FakeServer::respond(FakeSocket& socket, const FakeRequest& request) {
  FakeFault fault = take_fault(request);
  if (fault.silent) {
    pause(std::chrono::hours(1));
    return false;
  }
  if (fault.reset) return socket.reset(), false;
  if (fault.takes) {
    FakeRequest part = request;
    part.body.resize(std::min<std::uint64_t>(part.body.size(), *fault.takes));
    answer_(part);
    return socket.reset(), false;
  }
  if (fault.raw) return socket.write(*fault.raw), false;
  FakeReply reply = fault.status ? FakeReply{fault.status, {}, fault.body.value_or("")} : answer_(request);
  if (!fault.status && fault.body) reply.body = *fault.body;
  for (const auto& field : fault.headers.fields()) reply.headers.set(field.name, field.value);
  if (!fault.no_ranges && request.method == "GET" && !request.path().starts_with("/token")) {
    apply_range(request, reply);
  }
  if (fault.change) fault.change(reply);
  return send_reply(socket, request, reply, fault, [this](auto time) { return pause(time); });
}

void FakeServer::add_fault(FakeFault fault) {
  std::lock_guard hold(mutex_);
  faults_.push_back(std::move(fault));
}

void FakeServer::clear_faults() {
  std::lock_guard hold(mutex_);
  faults_.clear();
}

std::vector<FakeRequest> FakeServer::requests() const {
  std::lock_guard hold(mutex_);
  return requests_;
}

void FakeServer::forget_requests() {
  std::lock_guard hold(mutex_);
  requests_.clear();
}

std::size_t FakeServer::connections() const {
  std::lock_guard hold(mutex_);
  return accepted_;
}

}  // namespace imgb
