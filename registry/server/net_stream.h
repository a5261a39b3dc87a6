#pragma once
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "registry/server/catalog.h"

namespace boost::asio::ssl {
class context;
}

namespace imgb::server {

namespace asio = boost::asio;
using asio::ip::tcp;

/// The bytes of one connection, in clear or by TLS. Of one thread. Failures are boost::system::system_error.
class NetStream {
 public:
  virtual ~NetStream() = default;
  virtual asio::awaitable<void> open() = 0;                                       ///< The handshake, if there is one.
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into) = 0;  ///< 0: the client says no more.
  /// All of both; `more` follows at once.
  virtual asio::awaitable<void> write(std::string_view first, std::string_view second, bool more) = 0;
  /// Some of the file, at most `length` bytes (above 0); returns how many. 0: the file ends before.
  virtual asio::awaitable<std::size_t> send_some(const Fd& file, std::uint64_t offset, std::uint64_t length) = 0;
  virtual asio::awaitable<void> finish() = 0;  ///< Says that nothing more comes.
  virtual tcp::socket& socket() = 0;
};

std::unique_ptr<NetStream> make_plain_stream(tcp::socket socket);
std::unique_ptr<NetStream> make_tls_stream(tcp::socket socket, asio::ssl::context& context);

}  // namespace imgb::server
