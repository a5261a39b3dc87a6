#include "sandbox/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "sandbox/control.h"
#include "sandbox/memory_folder.h"
#include "sandbox/spawner.h"
#include "sandbox/stub/wire.h"

namespace imgb {
namespace {

constexpr std::chrono::seconds kStartLimit{10};
/// A working pasta is ready in a tenth of this; some releases spin for ever on some kernels.
constexpr std::chrono::seconds kPastaLimit{3};
constexpr std::size_t kMaxAnswerBytes = 4096;
constexpr const char *kAddress = "10.0.2.100", *kGateway = "10.0.2.2", *kResolver = "10.0.2.3";

Fd make_network_namespace(int user_namespace) {
  SocketPair sockets = make_control_sockets();
  Spawn spawn;
  spawn.new_session = true;  // a Ctrl-C is for us: we end our children
  spawn.program = make_stub_program();
  spawn.argv = {"imgb-init", user_namespace >= 0 ? "nu" : "n-"};
  spawn.fds = {{3, sockets.theirs.get()}};
  if (user_namespace >= 0) spawn.fds.emplace(4, user_namespace);
  Child child = Child::start(spawn);
  sockets.theirs.reset();
  auto message = receive_message(sockets.ours, true);
  child.wait();
  if (message && static_cast<stub::Report>(message->bytes[0]) == stub::Report::started && !message->descriptors.empty())
    return std::move(message->descriptors[0]);
  if (!message) throw_error(ErrorKind::internal, "no network namespace was made");
  auto failure = message->value<stub::FailureReport>(1);
  throw SystemError(failure.error, message->bytes.substr(1 + sizeof failure));
}

/// False: `limit` has passed, or the other side was closed without a word.
bool wait_for_word(const Fd& pipe, std::chrono::milliseconds limit) {
  pollfd ready{pipe.get(), POLLIN, 0};
  int got;
  do got = ::poll(&ready, 1, static_cast<int>(limit.count()));
  while (got < 0 && errno == EINTR);
  char word;
  return got > 0 && ::read(pipe.get(), &word, 1) == 1;
}

}  // namespace

std::string_view name_of(NetworkHelper helper) {
  return helper == NetworkHelper::slirp4netns ? "slirp4netns" : "pasta";
}

struct PrivateNetwork::State {
  Fd name_space, api_folder;
  Pipe lifeline;  ///< The helper ends when we close our end, or are killed.
  std::optional<Child> helper;
  NetworkHelper kind = NetworkHelper::slirp4netns;
  std::vector<PortForward> forwards;

  bool start_slirp(const std::string& program, int user_namespace, bool confined);
  bool start_pasta(const std::string& program, int user_namespace, const std::vector<PortForward>& ports);
  nlohmann::json ask(const nlohmann::json& question) const;
  void forward(PortForward port);
};

bool PrivateNetwork::State::start_slirp(const std::string& program, int user_namespace, bool confined) {
  Pipe ready = make_pipe();
  lifeline = make_pipe();
  api_folder = make_memory_folder();
  Spawn spawn;
  spawn.new_session = true;  // a Ctrl-C is for us: we end our children
  spawn.argv = {program,        "--configure", "--mtu=65520",      "--disable-host-loopback",
                "--ready-fd=3", "--exit-fd=6", "--netns-type=path"};
  if (confined) spawn.argv.insert(spawn.argv.end(), {"--enable-sandbox", "--enable-seccomp"});
  if (user_namespace >= 0) spawn.argv.push_back("--userns-path=/proc/self/fd/5");
  spawn.argv.insert(spawn.argv.end(), {"--api-socket=/proc/self/fd/7/s", "/proc/self/fd/4", "tap0"});
  spawn.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  spawn.fds = {{3, ready.write.get()}, {4, name_space.get()}, {6, lifeline.read.get()}, {7, api_folder.get()}};
  if (user_namespace >= 0) spawn.fds.emplace(5, user_namespace);
  spawn.die_with_parent = false;  // the lifeline tells it
  helper = Child::start(spawn);
  ready.write.reset();
  lifeline.read.reset();
  return wait_for_word(ready.read, kStartLimit);
}

/// Addresses are those that slirp4netns has by itself. The word that it is ready is its "pid file": a pipe.
bool PrivateNetwork::State::start_pasta(const std::string& program, int user_namespace,
                                        const std::vector<PortForward>& ports) {
  kind = NetworkHelper::pasta;
  Pipe ready = make_pipe();
  Spawn spawn;
  spawn.new_session = true;  // a Ctrl-C is for us: we end our children
  spawn.argv = {program, "--foreground", "--quiet", "--ipv4-only", "--config-net", "--no-map-gw"};
  spawn.argv.insert(spawn.argv.end(), {"--address", kAddress, "--netmask", "255.255.255.0", "--gateway", kGateway,
                                       "--dns-forward", kResolver, "--pid", "/proc/self/fd/3"});
  spawn.argv.insert(spawn.argv.end(), {"--tcp-ns", "none", "--udp-ns", "none"});
  for (bool udp : {false, true}) {
    bool any = false;
    for (const PortForward& port : ports) {
      if (port.udp != udp) continue;
      any = true;
      spawn.argv.insert(spawn.argv.end(),
                        {udp ? "--udp-ports" : "--tcp-ports",
                         fmt::format("{}/{}:{}", port.host_address, port.host_port, port.container_port)});
    }
    if (!any) spawn.argv.insert(spawn.argv.end(), {udp ? "--udp-ports" : "--tcp-ports", "none"});
  }
  // As root it would become nobody, who may not enter our namespaces; in there it is not the host's root any more.
  if (::geteuid() == 0) spawn.argv.insert(spawn.argv.end(), {"--runas", "0:0"});
  if (user_namespace >= 0)
    spawn.argv.insert(spawn.argv.end(), {"--userns", "/proc/self/fd/5"});
  else
    spawn.argv.push_back("--netns-only");
  spawn.argv.insert(spawn.argv.end(), {"--netns", "/proc/self/fd/4"});
  spawn.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  spawn.fds = {{3, ready.write.get()}, {4, name_space.get()}};
  if (user_namespace >= 0) spawn.fds.emplace(5, user_namespace);
  helper = Child::start(spawn);
  ready.write.reset();
  return wait_for_word(ready.read, kPastaLimit);
}

nlohmann::json PrivateNetwork::State::ask(const nlohmann::json& question) const {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/s", api_folder.get());
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    throw_errno("talking to slirp4netns");
  write_all(socket, question.dump(), "slirp4netns");
  ::shutdown(socket.get(), SHUT_WR);
  return nlohmann::json::parse(read_all(socket, kMaxAnswerBytes, "slirp4netns"), nullptr, false);
}

namespace {

[[noreturn]] void throw_port_taken(const PortForward& port) {
  throw_error(ErrorKind::unavailable, "port {} of {} cannot be had: is it in use?", port.host_port, port.host_address);
}

/// The port asked for, or (0) one of that address that nobody listens at. Error(unavailable) when it is taken.
std::uint16_t find_free_port(const PortForward& port) {
  Fd socket(::socket(AF_INET, (port.udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.host_port);
  socklen_t size = sizeof address;
  int reuse = 1;  // connections of an earlier listener that linger are no listener
  if (!socket || ::inet_pton(AF_INET, port.host_address.c_str(), &address.sin_addr) != 1 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) < 0)
    throw_errno("looking for a free port at {}", port.host_address);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) < 0) throw_port_taken(port);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0)
    throw_errno("looking for a free port at {}", port.host_address);
  return ntohs(address.sin_port);
}

}  // namespace

void PrivateNetwork::State::forward(PortForward port) {
  if (port.host_port == 0) port.host_port = find_free_port(port);
  nlohmann::json answer = ask({{"execute", "add_hostfwd"},
                               {"arguments",
                                {{"proto", port.udp ? "udp" : "tcp"},
                                 {"host_addr", port.host_address},
                                 {"host_port", port.host_port},
                                 {"guest_port", port.container_port}}}});
  if (answer.is_discarded() || !answer.contains("return")) throw_port_taken(port);
  forwards.push_back(std::move(port));
}

PrivateNetwork PrivateNetwork::create(int user_namespace, const std::vector<PortForward>& ports) {
  auto slirp = find_program(name_of(NetworkHelper::slirp4netns)), pasta = find_program(name_of(NetworkHelper::pasta));
  if (!slirp && !pasta)
    throw Error(ErrorKind::unsupported, "neither slirp4netns nor pasta is here for a private network")
        .set_hint("install the package slirp4netns, or use --network=host or --network=none");
  if (slirp) {
    // Its own confinement needs rights that not every container gives; the network is private without it too.
    for (bool confined : {true, false}) {
      auto state = std::make_unique<State>();
      state->name_space = make_network_namespace(user_namespace);
      if (!state->start_slirp(*slirp, user_namespace, confined)) continue;
      for (const PortForward& port : ports) state->forward(port);
      return PrivateNetwork(std::move(state));
    }
  }
  if (pasta) {
    auto state = std::make_unique<State>();
    state->name_space = make_network_namespace(user_namespace);
    state->forwards = ports;
    for (PortForward& port : state->forwards) port.host_port = find_free_port(port);
    if (state->start_pasta(*pasta, user_namespace, state->forwards)) return PrivateNetwork(std::move(state));
  }
  throw Error(ErrorKind::unsupported,
              slirp && pasta ? "neither slirp4netns nor pasta starts on this host"
                             : fmt::format("{} does not start on this host", slirp ? "slirp4netns" : "pasta"))
      .set_hint(
          "it opens /dev/net/tun: modprobe tun, and for ordinary users chmod 0666 /dev/net/tun; or use "
          "--network=host or --network=none");
}

PrivateNetwork::PrivateNetwork(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateNetwork::PrivateNetwork(PrivateNetwork&&) noexcept = default;
PrivateNetwork& PrivateNetwork::operator=(PrivateNetwork&&) noexcept = default;
PrivateNetwork::~PrivateNetwork() = default;

const Fd& PrivateNetwork::name_space() const { return state_->name_space; }
NetworkHelper PrivateNetwork::helper() const { return state_->kind; }
std::string PrivateNetwork::resolver() const { return kResolver; }
const std::vector<PortForward>& PrivateNetwork::forwards() const { return state_->forwards; }

}  // namespace imgb
