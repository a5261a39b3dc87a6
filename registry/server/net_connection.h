#pragma once
#include <list>

#include "registry/server/net_lane.h"

namespace imgb::server {

/// One client's connection: request after request. Of one thread.
class NetConnection {
 public:
  NetConnection(NetShared& shared, std::unique_ptr<NetStream> stream, std::string peer)
      : shared_(shared), stream_(std::move(stream)), peer_(std::move(peer)) {}

  asio::awaitable<void> serve();          ///< Until it ends, for whatever reason.
  void abort();                           ///< Its end, at once.
  bool is_idle() const { return idle_; }  ///< Waits for a request.
  Clock::time_point deadline() const { return deadline_; }
  Clock::time_point idle_since() const { return idle_since_; }

 private:
  asio::awaitable<bool> read_head(bool first);  // false: the client has no more requests
  asio::awaitable<bool> serve_one(RequestHead head);
  asio::awaitable<Reply> answer(const RequestHead& head);
  asio::awaitable<Reply> do_work(const RequestHead& head, Work& work);
  asio::awaitable<void> read_body(const RequestHead& head, Work& work);
  asio::awaitable<void> settle(Reply& reply);
  asio::awaitable<void> send(const RequestHead& head, const Reply& reply, bool keep_alive);
  asio::awaitable<void> send_blob(const BlobBody& blob);
  asio::awaitable<void> wait_for_change(std::shared_ptr<Flight> flight, Flight::Progress seen, Clock::time_point until);
  asio::awaitable<void> linger();
  asio::awaitable<std::size_t> fill();
  std::string_view unread() const { return std::string_view(input_).substr(begin_, end_ - begin_); }
  void allow(std::chrono::seconds time) { deadline_ = Clock::now() + time; }

  NetShared& shared_;
  std::unique_ptr<NetStream> stream_;
  std::string peer_;
  RequestReader reader_;
  std::string input_;
  std::size_t begin_ = 0, end_ = 0;
  bool idle_ = false, aborted_ = false, body_pending_ = false;
  std::uint64_t sent_ = 0, received_ = 0;
  std::string_view route_ = "unknown";
  std::string failure_;
  Clock::time_point deadline_ = Clock::time_point::max(), idle_since_{};
  std::shared_ptr<asio::steady_timer> waiting_;
};

}  // namespace imgb::server
