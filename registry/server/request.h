#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "registry/http.h"

namespace imgb::server {

inline constexpr std::size_t kMaxRequestHeadBytes = 16 * 1024;

/// A request without its body, as the client sent it.
struct RequestHead {
  std::string method, target;  ///< Target: path and query, still percent-encoded.
  Headers headers;
  bool keep_alive = true;
  bool has_body = false;                        ///< A length above 0, or chunks.
  std::optional<std::uint64_t> content_length;  ///< nullopt for none, and for chunks.
  bool expects_continue = false;
  std::string peer;  ///< Who asks: an address without its port. For the log and for limits.
};

/// Reads requests of one connection from bytes as they arrive (RFC 9112), one after the other. Refuses what two readers
/// could take for two things: a length twice or beside chunks, bare line ends, folded lines.
class RequestReader {
 public:
  RequestReader();
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;

  void begin();  ///< A new request. REQUIRES: the one before was read to its end.
  /// Takes bytes up to the end of the head; returns how many. Error(input) on what is no request, Error(denied) when
  /// the head is longer than kMaxRequestHeadBytes.
  std::size_t read_head(std::string_view bytes);
  bool has_head() const;
  bool has_begun() const;  ///< Some of the request came.
  RequestHead take_head();

  struct Piece {
    std::size_t used = 0;  ///< Of the bytes given.
    std::size_t got = 0;   ///< Written into the buffer.
  };
  /// Decodes body bytes into `into`. Nothing is used once at_end(). Error(input) on bad chunks.
  Piece read_body(std::string_view bytes, std::span<std::byte> into);
  bool at_end() const;  ///< Of the body.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb::server
