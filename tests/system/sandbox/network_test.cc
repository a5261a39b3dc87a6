#include "sandbox/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>

#include "core/base/process.h"
#include "tests/system/sandbox/host_socket.h"
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

/// With PATH holding one program alone: the helper to be used.
class NetworkBy : public World, public ::testing::WithParamInterface<const char*> {
 protected:
  NetworkBy() { use(*find_program(GetParam()), GetParam()); }
  ~NetworkBy() override { ::setenv("PATH", path_.c_str(), 1); }
  void use(const std::filesystem::path& program, const std::string& name) const {
    std::filesystem::create_directories(root() / "helpers");
    std::filesystem::create_symlink(program, root() / "helpers" / name);
    ::setenv("PATH", (root() / "helpers").c_str(), 1);
  }
  const std::string path_ = std::getenv("PATH");
};
INSTANTIATE_TEST_SUITE_P(Helper, NetworkBy, ::testing::Values("slirp4netns", "pasta"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(NetworkBy, PortsOfTheHostLeadToTheContainer) {
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

TEST_P(NetworkBy, APortInUseIsToldByItsNumber) {
  HostSocket taken = HostSocket::loopback();
  std::string port = std::to_string(taken.port);
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

TEST_P(NetworkBy, StepsOfOneSandboxShareTheirNetwork) {
  spec_.network = NetworkMode::isolated;
  spec_.resolv_conf.reset();
  std::string first = output("ls -l /proc/self/ns/net | grep -o 'net:.*'");
  EXPECT_EQ(output("ls -l /proc/self/ns/net | grep -o 'net:.*'"), first);
  EXPECT_EQ(output("head -n1 /etc/resolv.conf"), "nameserver 10.0.2.3\n");
}

TEST_P(NetworkBy, LoopbackOfTheHostCannotBeReached) {
  HostSocket listener = HostSocket::loopback();
  spec_.network = NetworkMode::isolated;
  for (const char* target : {"127.0.0.1", "10.0.2.2", "169.254.169.254"})
    EXPECT_NE(shell(fmt::format("nc -w 2 {} {} </dev/null", target, listener.port)).result.status.code, 0);
  EXPECT_LT(::accept(listener.socket.get(), nullptr, nullptr), 0) << "a step reached the host's loopback";
}

TEST_P(NetworkBy, TheHelperEndsWithTheSandbox) {
  auto count = [&] {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::error_code ignored;
      auto program = std::filesystem::read_symlink(entry.path() / "exe", ignored);
      std::ifstream file(entry.path() / "cmdline");
      std::string words{std::istreambuf_iterator<char>(file), {}};
      if (!program.empty() && words.starts_with((root() / "helpers").string())) ++found;
    }
    return found;
  };
  {
    Sandbox own;
    TextSink sink;
    spec_.network = NetworkMode::isolated;
    spec_.argv = {"true"};
    own.run(spec_, sink, {});
    EXPECT_EQ(count(), 1);
  }
  EXPECT_EQ(count(), 0);
}

class BrokenHelper : public World {
 protected:
  ~BrokenHelper() override { ::setenv("PATH", path_.c_str(), 1); }
  const std::string path_ = std::getenv("PATH");
};

TEST_F(BrokenHelper, APastaThatSpinsIsGivenUp) {
  std::filesystem::create_directories(root() / "helpers");
  write("helpers/pasta", "#!/bin/sh\nwhile :; do :; done\n");
  std::filesystem::permissions(root() / "helpers/pasta", std::filesystem::perms::owner_all);
  ::setenv("PATH", (root() / "helpers").c_str(), 1);
  spec_.network = NetworkMode::isolated;
  auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(failure(), ErrorKind::unsupported);
  EXPECT_NE(message_.find("pasta does not start"), std::string::npos) << message_;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
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
