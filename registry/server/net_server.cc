#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/ssl/context.hpp>
#include <condition_variable>
#include <thread>

#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/server/net_lane.h"
#include "registry/server/server.h"

namespace imgb::server {
namespace {

using boost::system::error_code;

constexpr unsigned kWorkers = 8, kPatients = 64;

std::string text_of(const tcp::endpoint& endpoint) {
  std::string host = endpoint.address().to_string();
  return fmt::format("{}:{}", endpoint.address().is_v6() ? "[" + host + "]" : host, endpoint.port());
}

std::vector<tcp::endpoint> endpoints_of(asio::io_context& context, const std::string& address) {
  std::size_t colon = address.rfind(':');
  auto port = colon == std::string::npos ? std::nullopt : find_unsigned(address.substr(colon + 1));
  if (!port || *port > 65535)
    throw Error(ErrorKind::input, fmt::format("{:?} is no address to listen on", printable(address, 200)))
        .set_hint("give HOST:PORT, such as 127.0.0.1:5000, [::1]:5000 or :5000 for all addresses");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  auto number = static_cast<std::uint16_t>(*port);
  if (host.empty()) return {{tcp::v4(), number}, {tcp::v6(), number}};
  error_code problem;
  auto literal = asio::ip::make_address(host, problem);
  if (!problem) return {{literal, number}};
  tcp::resolver resolver(context);
  auto found = resolver.resolve(host, std::to_string(number), problem);
  if (problem)
    throw_error(ErrorKind::input, "the address {} cannot be found: {}", printable(host, 200), problem.message());
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  return endpoints;
}

std::optional<tcp::acceptor> listen_on(asio::io_context& context, const tcp::endpoint& endpoint, bool optional) {
  tcp::acceptor acceptor(context);
  error_code problem;
  acceptor.open(endpoint.protocol(), problem);
  if (problem && optional) return std::nullopt;  // no such family on this host
  if (!problem) acceptor.set_option(tcp::acceptor::reuse_address(true), problem);
  if (!problem && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), problem);
  if (!problem) acceptor.bind(endpoint, problem);
  if (problem && optional) return std::nullopt;
  if (!problem) acceptor.listen(tcp::acceptor::max_listen_connections, problem);
  if (problem) throw SystemError(problem.value(), "listening on " + text_of(endpoint));
  return acceptor;
}

}  // namespace

struct Server::State {
  State(Service& service, ServerOptions given)
      : options(std::move(given)),
        workers(kWorkers),
        patients(kPatients),
        doorkeepers(1),
        shared{service, options, workers, patients, doorkeepers} {
    for (unsigned i = 0; i < std::max(1U, options.threads); ++i) lanes.push_back(std::make_unique<NetLane>(shared));
    tending.emplace(lanes[0]->context());
    if (options.tls) prepare_tls();
    for (const std::string& address : options.addresses) listen(address);
    if (acceptors.empty()) throw_error(ErrorKind::usage, "there is no address to listen on");
  }

  void prepare_tls() {
    tls.emplace(asio::ssl::context::tls_server);
    tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
    error_code problem;
    tls->use_certificate_chain(asio::buffer(options.tls->certificate_pem), problem);
    if (problem) throw_error(ErrorKind::corrupt, "the TLS certificate cannot be read: {}", problem.message());
    tls->use_private_key(asio::buffer(options.tls->key_pem), asio::ssl::context::pem, problem);
    if (problem)
      throw_error(ErrorKind::corrupt, "the TLS key cannot be read, or is another certificate's: {}", problem.message());
  }

  void listen(const std::string& address) {
    auto endpoints = endpoints_of(lanes[0]->context(), address);
    for (tcp::endpoint& endpoint : endpoints) {
      // The second address of one name gets the port that was found free for the first.
      if (endpoint.port() == 0 && &endpoint != &endpoints.front() && !acceptors.empty())
        endpoint.port(acceptors.back().local_endpoint().port());
      bool optional = endpoints.size() > 1 && &endpoint != &endpoints.front();
      if (auto acceptor = listen_on(lanes[0]->context(), endpoint, optional)) acceptors.push_back(*std::move(acceptor));
    }
  }

  asio::awaitable<void> accept(tcp::acceptor& acceptor) {
    asio::steady_timer breath(lanes[0]->context());
    while (!shared.ending) {
      NetLane& lane = *lanes[next++ % lanes.size()];
      error_code problem;
      tcp::socket socket =
          co_await acceptor.async_accept(lane.context(), asio::redirect_error(asio::use_awaitable, problem));
      if (shared.ending) co_return;
      if (problem) {
        // No descriptors or no memory: somebody must go before the next one comes.
        for (auto& other : lanes) other->evict_idle();
        breath.expires_after(std::chrono::milliseconds(50));
        co_await breath.async_wait(asio::use_awaitable);
        continue;
      }
      admit(lane, std::move(socket));
    }
  }

  void admit(NetLane& lane, tcp::socket socket) {
    if (shared.service.metrics().connections >= options.max_connections) {
      for (auto& other : lanes) other->evict_idle();
      if (shared.service.metrics().connections >= options.max_connections + options.max_connections / 8)
        return;  // it is closed
    }
    error_code gone;
    tcp::endpoint peer = socket.remote_endpoint(gone);
    if (gone) return;
    socket.set_option(tcp::no_delay(true), gone);
    lane.adopt(tls ? make_tls_stream(std::move(socket), *tls) : make_plain_stream(std::move(socket)),
               peer.address().to_string());
  }

  /// Once in a while, until the end.
  asio::awaitable<void> tend() {
    constexpr std::chrono::seconds kOften{10};
    while (!shared.ending) {
      tending->expires_after(kOften);
      error_code hurried;
      co_await tending->async_wait(asio::redirect_error(asio::use_awaitable, hurried));
      if (!shared.ending) co_await on_worker(workers, [this] { shared.service.tend(); });
    }
  }

  void end() {
    shared.ending = true;
    asio::post(lanes[0]->context(), [this] {
      for (tcp::acceptor& acceptor : acceptors) acceptor.close();
      tending->cancel();
    });
    for (auto& lane : lanes) lane->end();
  }

  ServerOptions options;
  TaskGroup workers, patients, doorkeepers;
  NetShared shared;
  std::optional<asio::ssl::context> tls;
  std::vector<std::unique_ptr<NetLane>> lanes;
  std::vector<tcp::acceptor> acceptors;
  std::optional<asio::steady_timer> tending;
  std::size_t next = 0;
};

Server::Server(Service& service, ServerOptions options)
    : state_(std::make_unique<State>(service, std::move(options))) {}
Server::~Server() = default;

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> all;
  for (const tcp::acceptor& acceptor : state_->acceptors) all.push_back(text_of(acceptor.local_endpoint()));
  return all;
}

std::size_t Server::connections() const { return state_->shared.service.metrics().connections; }

void Server::run(std::stop_token stop) {
  for (tcp::acceptor& acceptor : state_->acceptors)
    asio::co_spawn(state_->lanes[0]->context(), state_->accept(acceptor), asio::detached);
  asio::co_spawn(state_->lanes[0]->context(), state_->tend(), asio::detached);
  std::vector<std::jthread> threads;
  for (auto& lane : state_->lanes) threads.emplace_back([&lane] { lane->run(); });
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock hold(mutex);
  stopped.wait(hold, stop, [] { return false; });
  state_->end();
}

}  // namespace imgb::server
