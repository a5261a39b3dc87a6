#include "sandbox/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/system/sandbox/world.h"

namespace imgb {
namespace {

/// A connection from the host to one of its own ports.
Fd connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) < 0) return {};
  return socket;
}

class Network : public World {};

TEST_F(Network, PortsOfTheHostLeadToTheContainer) {
  Sandbox published({.ports = parse_port_forwards("127.0.0.1::7000")});
  spec_.network = NetworkMode::isolated;
  spec_.argv = {"sh", "-c", "echo; exec nc -l -p 7000 -e echo hello from inside"};
  Pipe out = make_pipe();
  Running running = published.start(spec_, {.out = out.write.get()});
  char byte;
  ASSERT_EQ(::read(out.read.get(), &byte, 1), 1);
  std::vector<PortForward> forwards = published.forwards();
  ASSERT_EQ(forwards.size(), 1u);
  EXPECT_NE(forwards[0].host_port, 0);
  // The program may not listen yet: the forwarder then closes the connection, and we come again.
  std::string text;
  for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
       text.empty() && std::chrono::steady_clock::now() < end;) {
    Fd socket = connect_to(forwards[0].host_port);
    char bytes[64];
    for (ssize_t size; socket && (size = ::read(socket.get(), bytes, sizeof bytes)) > 0;)
      text.append(bytes, static_cast<std::size_t>(size));
  }
  EXPECT_EQ(text, "hello from inside\n");
}

TEST_F(Network, APortInUseIsToldByItsNumber) {
  Fd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(taken.get(), 1), 0);
  ASSERT_EQ(::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::string port = std::to_string(ntohs(address.sin_port));
  Sandbox published({.ports = parse_port_forwards("127.0.0.1:" + port + ":80")});
  spec_.network = NetworkMode::isolated;
  spec_.argv = {"true"};
  try {
    published.start(spec_, {});
    FAIL() << "started";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::unavailable);
    EXPECT_NE(std::string(e.what()).find(port), std::string::npos) << e.what();
  }
}

TEST_F(Network, StepsOfOneSandboxShareTheirNetwork) {
  spec_.network = NetworkMode::isolated;
  spec_.resolv_conf.reset();
  std::string first = output("ls -l /proc/self/ns/net | grep -o 'net:.*'");
  EXPECT_EQ(output("ls -l /proc/self/ns/net | grep -o 'net:.*'"), first);
  EXPECT_EQ(output("head -n1 /etc/resolv.conf"), "nameserver 10.0.2.3\n");
}

TEST_F(Network, NoneHasLoopbackAlone) { EXPECT_EQ(output("ls /sys/class/net"), "lo\n"); }

TEST_F(Network, HostIsTheHosts) {
  spec_.network = NetworkMode::host;
  char ours[64] = {};
  ASSERT_GT(::readlink("/proc/self/ns/net", ours, sizeof ours - 1), 0);
  EXPECT_NE(output("ls -l /proc/self/ns/net").find(ours), std::string::npos);
  EXPECT_NE(shell("echo 1 > /sys/kernel/uevent_helper").result.status.code, 0);
}

}  // namespace
}  // namespace imgb
