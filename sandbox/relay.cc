#include "sandbox/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/stop_event.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxConnections = 64;

/// Bytes on their way in one direction.
struct Flow {
  std::array<char, 16384> bytes;
  std::size_t begin = 0, end = 0;
  bool over = false;  ///< The sender has said all.

  bool wants_input() const { return !over && begin == end; }
  bool has_output() const { return begin != end; }

  /// False: the connection is broken.
  bool move(int from, int to, bool readable, bool writable) {
    if (readable && wants_input()) {
      ssize_t got = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      begin = 0;
      end = static_cast<std::size_t>(got);
      if (got == 0) {
        over = true;
        ::shutdown(to, SHUT_WR);
      }
    }
    if (writable && has_output()) {
      ssize_t sent = ::send(to, bytes.data() + begin, end - begin, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      begin += static_cast<std::size_t>(sent);
    }
    return true;
  }
};

struct Connection {
  Fd inside, outside;
  Flow out, back;

  pollfd watch_inside() const { return watch(inside, out, back); }
  pollfd watch_outside() const { return watch(outside, back, out); }
  /// Without events poll still tells, again and again, that the other end is closed: then there is nothing to watch.
  static pollfd watch(const Fd& side, const Flow& from, const Flow& to) {
    auto events = static_cast<short>((from.wants_input() ? POLLIN : 0) | (to.has_output() ? POLLOUT : 0));
    return {events ? side.get() : -1, events, 0};
  }
  /// False: it is over.
  bool serve(short inside_ready, short outside_ready) {
    constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
    bool ok = out.move(inside.get(), outside.get(), inside_ready & kReadable, outside_ready & POLLOUT) &&
              back.move(outside.get(), inside.get(), outside_ready & kReadable, inside_ready & POLLOUT);
    return ok && !(out.over && back.over && !out.has_output() && !back.has_output());
  }
};

}  // namespace

struct SocketRelay::State {
  Fd listening, host_socket;
  std::list<Connection> connections;
  std::stop_source stop;
  StopEvent stopped{stop.get_token()};
  std::jthread thread;  // last: it uses the others

  ~State() { stop.request_stop(); }

  Fd connect_to_host() const {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    // The socket by its descriptor: what the user named may have another file at its path by now.
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", host_socket.get());
    if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) return {};
    return socket;
  }

  void accept_one() {
    Fd inside(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!inside) return;
    Fd outside = connect_to_host();
    if (outside) connections.push_back({std::move(inside), std::move(outside), {}, {}});
  }

  void serve() {
    for (;;) {
      std::vector<pollfd> watched = {{stopped.get(), POLLIN, 0}};
      watched.push_back({connections.size() < kMaxConnections ? listening.get() : -1, POLLIN, 0});
      for (const Connection& one : connections) {
        watched.push_back(one.watch_inside());
        watched.push_back(one.watch_outside());
      }
      if (::poll(watched.data(), watched.size(), -1) < 0) continue;
      if (watched[0].revents) return;
      auto ready = watched.begin() + 2;
      for (auto one = connections.begin(); one != connections.end(); ready += 2)
        one = one->serve(ready[0].revents, ready[1].revents) ? std::next(one) : connections.erase(one);
      if (watched[1].revents) accept_one();
    }
  }
};

SocketRelay::SocketRelay(Fd listening, int host_socket) : state_(std::make_unique<State>()) {
  state_->listening = std::move(listening);
  ::fcntl(state_->listening.get(), F_SETFL, O_NONBLOCK);
  state_->host_socket = Fd(::fcntl(host_socket, F_DUPFD_CLOEXEC, 0));
  if (!state_->host_socket) throw_errno("relay of a socket");
  state_->thread = std::jthread([state = state_.get()] { state->serve(); });
}

SocketRelay::SocketRelay(SocketRelay&&) noexcept = default;

SocketRelay::~SocketRelay() = default;

}  // namespace imgb
