#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <memory>

#include "core/base/task.h"
#include "registry/server/net_stream.h"
#include "registry/server/server.h"

namespace imgb::server {

using Clock = std::chrono::steady_clock;

class NetConnection;

/// What all connections share. Borrowed by them.
struct NetShared {
  Service& service;
  const ServerOptions& options;
  TaskGroup& workers;
  TaskGroup& patients;     ///< Wait for other registries.
  TaskGroup& doorkeepers;  ///< Compare passwords, which takes long, apart from those who work.
  std::atomic<bool> ending = false;
};

/// One thread's connections. All members but post() belong to that thread.
class NetLane {
 public:
  explicit NetLane(NetShared& shared) : shared_(shared), context_(1), tick_(context_) {}

  asio::io_context& context() { return context_; }
  /// Serves the connection until it ends. From any thread.
  void adopt(std::unique_ptr<NetStream> stream, std::string peer);
  void run();  ///< Until end() and the last connection's end.
  /// From any thread: closes who waits, lets the others finish, and cuts them off after the time of grace.
  void end();
  /// From any thread: closes the connection that has asked for nothing the longest.
  void evict_idle();

 private:
  asio::awaitable<void> watch_times();
  void sweep(Clock::time_point now);

  NetShared& shared_;
  asio::io_context context_;
  asio::steady_timer tick_;
  std::list<NetConnection*> connections_;
  bool ending_ = false;
  Clock::time_point cut_off_ = Clock::time_point::max();
};

/// Waits for `done` to be cancelled. Of one thread.
inline asio::awaitable<void> wait_for_wake(std::shared_ptr<asio::steady_timer> done) {
  boost::system::error_code woken;
  co_await done->async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

/// What `body` returns or throws, run by a worker.
template <class Body>
asio::awaitable<std::invoke_result_t<Body>> on_worker(TaskGroup& workers, Body body) {
  using Result = std::conditional_t<std::is_void_v<std::invoke_result_t<Body>>, char, std::invoke_result_t<Body>>;
  auto executor = co_await asio::this_coro::executor;
  auto done = std::make_shared<asio::steady_timer>(executor, Clock::time_point::max());
  std::optional<Result> result;
  std::exception_ptr failure;
  workers.add([&, done, executor] {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<Body>>)
        body();
      else
        result.emplace(body());
    } catch (...) {
      failure = std::current_exception();
    }
    asio::post(executor, [done] { done->cancel(); });
  });
  co_await wait_for_wake(done);
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<std::invoke_result_t<Body>>) co_return std::move(*result);
}

}  // namespace imgb::server
