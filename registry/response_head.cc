#include "registry/response_head.h"

#include "core/base/text.h"

namespace imgb {
namespace {

[[noreturn]] void refuse(std::string why) {
  throw TransportError(TransportFailure::malformed, ErrorKind::unavailable, "malformed answer: " + std::move(why));
}

bool is_token(std::string_view name) {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  for (char c : name) {
    bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alphanumeric && kSymbols.find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

bool has_control(std::string_view value) {
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return true;
  }
  return false;
}

}  // namespace

bool ResponseHeadParser::add_line(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > kMaxHeaderBytes) refuse(fmt::format("more than {} KiB of header", kMaxHeaderBytes / 1024));
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  switch (state_) {
    case State::status:
      start(line);
      return false;
    case State::fields:
      if (!line.empty()) {
        add_field(line);
        return false;
      }
      if (head_.status < 200) {
        state_ = State::status;
        return false;
      }
      check();
      state_ = State::body;
      return true;
    case State::body:
      return false;  // trailers: counted, never read
  }
  return false;
}

void ResponseHeadParser::start(std::string_view line) {
  if (line.empty()) return;  // RFC 9112, 2.2: empty lines before the status line
  std::size_t space = line.find(' ');
  std::uint64_t status = space == std::string_view::npos ? 0 : find_unsigned(line.substr(space + 1, 3)).value_or(0);
  if (!line.starts_with("HTTP/") || status < 100 || status > 599) {
    refuse(fmt::format("status line {:?}", printable(line, 64)));
  }
  head_.status = static_cast<int>(status);
  head_.headers = {};
  state_ = State::fields;
}

void ResponseHeadParser::add_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') refuse("a folded header line");
  std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    refuse(fmt::format("header line {:?}", printable(line, 64)));
  }
  std::string_view value = trim(line.substr(colon + 1), " \t");
  if (has_control(value)) refuse(fmt::format("control character in header {}", line.substr(0, colon)));
  head_.headers.add(std::string(line.substr(0, colon)), std::string(value));
}

void ResponseHeadParser::check() const {
  auto lengths = head_.headers.all("Content-Length");
  if (lengths.size() > 1) refuse("more than one Content-Length");
  if (!lengths.empty() && !find_unsigned(lengths.front())) {
    refuse(fmt::format("Content-Length {:?}", printable(lengths.front(), 64)));
  }
  auto encodings = head_.headers.all("Transfer-Encoding");
  if (!encodings.empty() && !lengths.empty()) refuse("both Content-Length and Transfer-Encoding");
  if (encodings.size() > 1 || (!encodings.empty() && !iequals_ascii(encodings.front(), "chunked"))) {
    refuse(fmt::format("Transfer-Encoding {:?}", printable(encodings.front(), 64)));
  }
}

}  // namespace imgb
