#include "registry/server/net_lane.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>

#include "registry/server/net_connection.h"

namespace imgb::server {

void NetLane::adopt(std::unique_ptr<NetStream> stream, std::string peer) {
  ++shared_.service.metrics().connections;
  auto connection = std::make_shared<NetConnection>(shared_, std::move(stream), std::move(peer));
  auto live = [this, connection]() -> asio::awaitable<void> {
    auto place = connections_.insert(connections_.end(), connection.get());
    co_await connection->serve();
    connections_.erase(place);
    --shared_.service.metrics().connections;
  };
  asio::co_spawn(context_, std::move(live), asio::detached);
}

void NetLane::run() {
  sigset_t gone;  // sendfile(2) to a client that went away must be an error
  sigemptyset(&gone);
  sigaddset(&gone, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &gone, nullptr);
  asio::co_spawn(context_, watch_times(), asio::detached);
  context_.run();
}

asio::awaitable<void> NetLane::watch_times() {
  constexpr std::chrono::milliseconds kOften{500};
  while (!ending_ || !connections_.empty()) {
    tick_.expires_after(ending_ ? std::chrono::milliseconds(20) : kOften);
    boost::system::error_code hurried;
    co_await tick_.async_wait(asio::redirect_error(asio::use_awaitable, hurried));
    sweep(Clock::now());
  }
}

void NetLane::sweep(Clock::time_point now) {
  for (NetConnection* connection : connections_)
    if (connection->deadline() < now || now > cut_off_ || (ending_ && connection->is_idle())) connection->abort();
}

void NetLane::end() {
  asio::post(context_, [this] {
    ending_ = true;
    cut_off_ = Clock::now() + shared_.options.grace_time;
    tick_.cancel();
  });
}

void NetLane::evict_idle() {
  asio::post(context_, [this] {
    NetConnection* oldest = nullptr;
    for (NetConnection* connection : connections_)
      if (connection->is_idle() && (!oldest || connection->idle_since() < oldest->idle_since())) oldest = connection;
    if (oldest) oldest->abort();
  });
}

}  // namespace imgb::server
