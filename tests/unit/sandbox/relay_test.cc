#include "sandbox/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
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

/// A client that has asked through the relay, and the agent that has not answered yet.
class SocketRelayTest : public testing::Test {
 protected:
  void SetUp() override {
    agent_.listen();
    inside_.listen();
    named_ = Fd(::open((folder_.path() / "agent").c_str(), O_PATH | O_CLOEXEC));
    relay_.emplace(std::move(inside_.fd), named_.get());
    client_.connect();
    ASSERT_EQ(::write(client_.fd.get(), "ask", 3), 3);
    served_ = agent_.accept();
    EXPECT_EQ(read_some_of(served_), "ask");
  }

  TempDir folder_;
  UnixSocket agent_{folder_.path() / "agent"}, inside_{folder_.path() / "inside"}, client_{folder_.path() / "inside"};
  Fd named_, served_;
  std::optional<SocketRelay> relay_;
};

TEST_F(SocketRelayTest, PassesBothWaysAndTheEnd) {
  ASSERT_EQ(::write(served_.get(), "answer", 6), 6);
  EXPECT_EQ(read_some_of(client_.fd), "answer");
  client_.fd.reset();
  EXPECT_EQ(read_some_of(served_), "");
}

TEST_F(SocketRelayTest, WaitsForASlowAgentWithoutWorkWhenTheClientIsGone) {
  client_.fd.reset();
  EXPECT_EQ(read_some_of(served_), "");  // the agent knows, and takes its time
  auto before = processor_time();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the time in which nothing may be done
  EXPECT_LT(processor_time() - before, std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace imgb
