#include "registry/server/net_stream.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace imgb::server {
namespace {

using asio::use_awaitable;
using boost::system::error_code;
using boost::system::system_error;

/// So much of a file before others have their turn.
constexpr std::size_t kTurnBytes = 1 << 20;

asio::awaitable<std::size_t> read_once(auto& stream, asio::mutable_buffer into) {
  error_code problem;
  std::size_t got = co_await stream.async_read_some(into, asio::redirect_error(use_awaitable, problem));
  if (problem == asio::error::eof || problem == asio::ssl::error::stream_truncated) co_return 0;
  if (problem) throw system_error(problem);
  co_return got;
}

class PlainStream : public NetStream {
 public:
  explicit PlainStream(tcp::socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<void> open() override {
    socket_.native_non_blocking(true);
    co_return;
  }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into) override { return read_once(socket_, into); }

  asio::awaitable<void> write(std::string_view first, std::string_view second, bool more) override {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                               iovec{const_cast<char*>(second.data()), second.size()}};
    std::size_t left = first.size() + second.size();
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    while (left > 0) {
      ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
      if (sent < 0) {
        co_await wait_for_room();
        continue;
      }
      left -= static_cast<std::size_t>(sent);
      skip(message, static_cast<std::size_t>(sent));
    }
  }

  asio::awaitable<std::size_t> send_some(const Fd& file, std::uint64_t offset, std::uint64_t length) override {
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(length, kTurnBytes));
    while (true) {
      auto at = static_cast<off_t>(offset);
      ssize_t sent = ::sendfile(socket_.native_handle(), file.get(), &at, count);
      if (sent >= 0) co_return static_cast<std::size_t>(sent);
      co_await wait_for_room();
    }
  }

  asio::awaitable<void> finish() override {
    error_code gone;
    socket_.shutdown(tcp::socket::shutdown_send, gone);  // NOLINT: the client may have gone first
    co_return;
  }
  tcp::socket& socket() override { return socket_; }

 private:
  static void skip(msghdr& message, std::size_t sent) {
    while (sent > 0) {
      std::size_t here = std::min(sent, message.msg_iov->iov_len);
      message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + here;
      message.msg_iov->iov_len -= here;
      sent -= here;
      if (message.msg_iov->iov_len == 0 && message.msg_iovlen > 1) ++message.msg_iov, --message.msg_iovlen;
    }
  }

  /// After a call that failed with errno.
  asio::awaitable<void> wait_for_room() {
    int why = errno;
    if (why == EINTR) co_return;
    if (why != EAGAIN) throw system_error(error_code(why, boost::system::system_category()));
    co_await socket_.async_wait(tcp::socket::wait_write, use_awaitable);
  }

  tcp::socket socket_;
};

class TlsStream : public NetStream {
 public:
  TlsStream(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  asio::awaitable<void> open() override {
    co_await stream_.async_handshake(asio::ssl::stream_base::server, use_awaitable);
  }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into) override { return read_once(stream_, into); }

  asio::awaitable<void> write(std::string_view first, std::string_view second, bool) override {
    std::string joined;
    joined.reserve(first.size() + second.size());
    joined.append(first).append(second);
    co_await asio::async_write(stream_, asio::buffer(joined), use_awaitable);
  }

  asio::awaitable<std::size_t> send_some(const Fd& file, std::uint64_t offset, std::uint64_t length) override {
    constexpr std::size_t kPieceBytes = 64 * 1024;
    std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(length, kPieceBytes)));
    std::size_t got = read_at(file, piece, offset, "blob");
    co_await asio::async_write(stream_, asio::buffer(piece.data(), got), use_awaitable);
    co_return got;
  }

  asio::awaitable<void> finish() override {
    error_code gone;
    co_await stream_.async_shutdown(asio::redirect_error(use_awaitable, gone));
  }
  tcp::socket& socket() override { return stream_.next_layer(); }

 private:
  asio::ssl::stream<tcp::socket> stream_;
};

}  // namespace

std::unique_ptr<NetStream> make_plain_stream(tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}
std::unique_ptr<NetStream> make_tls_stream(tcp::socket socket, asio::ssl::context& context) {
  return std::make_unique<TlsStream>(std::move(socket), context);
}

}  // namespace imgb::server
