#include "sandbox/key_agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <list>
#include <thread>

#include "core/base/error.h"
#include "core/base/stop_event.h"
#include "sandbox/memory_folder.h"
#include "sandbox/ssh_wire.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxMessageBytes = 256 * 1024;  // what OpenSSH's agent takes
constexpr std::size_t kMaxClients = 64;

constexpr std::uint8_t kFailure = 5, kRequestIdentities = 11, kIdentitiesAnswer = 12, kSignRequest = 13,
                       kSignResponse = 14;

std::string sign(SshReader request, const std::vector<SshKey>& keys) {
  std::string_view blob = request.string(), data = request.string();
  unsigned flags = request.number();
  for (const SshKey& key : keys) {
    if (key.public_blob() != blob) continue;
    if (auto signature = key.sign(data, flags)) return SshWriter().byte(kSignResponse).string(*signature).take();
  }
  return SshWriter().byte(kFailure).take();
}

/// One who asks. Messages and answers have their length before them; a client that reads no answers is heard no more
/// until it does.
struct Client {
  Fd socket;
  std::string in, out;

  short events() const { return out.empty() ? POLLIN : POLLOUT; }

  /// False: it has gone, or talks nonsense.
  bool serve(short ready, const std::vector<SshKey>& keys) {
    if (ready & POLLOUT) {
      ssize_t sent = ::send(socket.get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      out.erase(0, static_cast<std::size_t>(sent));
    } else if (ready) {
      char bytes[16384];
      ssize_t got = ::recv(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      if (got == 0) return false;
      in.append(bytes, static_cast<std::size_t>(got));
    }
    while (out.empty() && in.size() >= 4) {
      std::size_t size = SshReader(in).number();
      if (size == 0 || size > kMaxMessageBytes) return false;
      if (in.size() < 4 + size) break;
      out = SshWriter().string(answer_as_agent(std::string_view(in).substr(4, size), keys)).take();
      in.erase(0, 4 + size);
    }
    return true;
  }
};

}  // namespace

std::string answer_as_agent(std::string_view message, const std::vector<SshKey>& keys) {
  try {
    SshReader request(message);
    std::uint8_t type = request.byte();
    if (type == kSignRequest) return sign(request, keys);
    if (type == kRequestIdentities) {
      SshWriter answer;
      answer.byte(kIdentitiesAnswer).number(static_cast<std::uint32_t>(keys.size()));
      for (const SshKey& key : keys) answer.string(key.public_blob()).string(key.comment());
      return answer.take();
    }
  } catch (const Error&) {
    // A message that ends too early, or a key that does not sign, is answered like every other that cannot be served.
  }
  return SshWriter().byte(kFailure).take();
}

struct KeyAgent::State {
  std::vector<SshKey> keys;
  Fd folder, listening, path;
  std::list<Client> clients;
  std::stop_source stop;
  StopEvent stopped{stop.get_token()};
  std::jthread thread;  // last: it uses the others

  ~State() { stop.request_stop(); }

  void listen() {
    folder = make_memory_folder();
    listening = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/agent", folder.get());
    if (!listening || ::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(listening.get(), 16) < 0)
      throw_errno("the agent's socket");
    path = Fd(::openat(folder.get(), "agent", O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!path) throw_errno("the agent's socket");
  }

  void serve() {
    for (;;) {
      std::vector<pollfd> watched = {{stopped.get(), POLLIN, 0}};
      watched.push_back({clients.size() < kMaxClients ? listening.get() : -1, POLLIN, 0});
      for (const Client& client : clients) watched.push_back({client.socket.get(), client.events(), 0});
      if (::poll(watched.data(), watched.size(), -1) < 0) continue;
      if (watched[0].revents) return;
      auto ready = watched.begin() + 2;
      for (auto client = clients.begin(); client != clients.end(); ++ready)
        client = client->serve(ready->revents, keys) ? std::next(client) : clients.erase(client);
      if (!watched[1].revents) continue;
      Fd socket(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket) clients.push_back({std::move(socket), {}, {}});
    }
  }
};

KeyAgent::KeyAgent(std::vector<SshKey> keys) : state_(std::make_unique<State>()) {
  state_->keys = std::move(keys);
  state_->listen();
  state_->thread = std::jthread([state = state_.get()] { state->serve(); });
}

KeyAgent::KeyAgent(KeyAgent&&) noexcept = default;

KeyAgent::~KeyAgent() = default;

const Fd& KeyAgent::socket() const { return state_->path; }

}  // namespace imgb
