#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "registry/http.h"

namespace imgb {

inline constexpr std::size_t kMaxHeaderBytes = 64ull * 1024;

/// Reads a response's header lines one by one, as they come off the wire. Pure.
///
/// Refuses what two parsers could read in two ways (V72): Content-Length twice or not a number, Content-Length with
/// Transfer-Encoding, folded lines, names that are not tokens, control characters; and more than kMaxHeaderBytes in
/// all, 1xx answers and trailers included (V66).
class ResponseHeadParser {
 public:
  /// `line` with its line end. True when it completed a head that is not a 1xx. Throws
  /// TransportError(malformed).
  bool add_line(std::string_view line);
  const ResponseHead& head() const { return head_; }

 private:
  void start(std::string_view line);
  void add_field(std::string_view line);
  void check() const;
  enum class State { status, fields, body } state_ = State::status;
  std::size_t bytes_ = 0;
  ResponseHead head_;
};

}  // namespace imgb
