#include "sandbox/relay.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

struct UnixSocket {
  explicit UnixSocket(const std::string& path) : fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  }
  void listen() {
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd.get(), 4), 0);
  }
  void connect() { ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0); }
  Fd accept() const { return Fd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  Fd fd;
  sockaddr_un address{};
};

std::chrono::nanoseconds processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::string read_some_of(const Fd& fd) {
  char bytes[64];
  ssize_t got = ::read(fd.get(), bytes, sizeof bytes);
  return {bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

TEST(SocketRelay, PassesBothWaysAndTheEnd) {
  TempDir folder;
  UnixSocket agent(folder.path() / "agent"), inside(folder.path() / "inside"), client(folder.path() / "inside");
  agent.listen();
  inside.listen();
  Fd named(::open((folder.path() / "agent").c_str(), O_PATH | O_CLOEXEC));
  SocketRelay relay(std::move(inside.fd), named.get());
  client.connect();
  ASSERT_EQ(::write(client.fd.get(), "ask", 3), 3);
  Fd served = agent.accept();
  EXPECT_EQ(read_some_of(served), "ask");
  ASSERT_EQ(::write(served.get(), "answer", 6), 6);
  EXPECT_EQ(read_some_of(client.fd), "answer");
  client.fd.reset();
  EXPECT_EQ(read_some_of(served), "");
}

TEST(SocketRelay, WaitsForASlowAgentWithoutWorkWhenTheClientIsGone) {
  TempDir folder;
  UnixSocket agent(folder.path() / "agent"), inside(folder.path() / "inside"), client(folder.path() / "inside");
  agent.listen();
  inside.listen();
  Fd named(::open((folder.path() / "agent").c_str(), O_PATH | O_CLOEXEC));
  SocketRelay relay(std::move(inside.fd), named.get());
  client.connect();
  ASSERT_EQ(::write(client.fd.get(), "ask", 3), 3);
  Fd served = agent.accept();
  client.fd.reset();
  EXPECT_EQ(read_some_of(served), "ask");
  EXPECT_EQ(read_some_of(served), "");  // the agent knows, and takes its time
  auto before = processor_time();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(processor_time() - before, std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace imgb
