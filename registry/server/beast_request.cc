#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/server/request.h"

// Boost.Beast: the grammar of requests. Bytes come from whoever has them, so that no socket is needed to test it.

namespace imgb::server {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

std::string text_of(string_view text) { return {text.data(), text.size()}; }

[[noreturn]] void refuse(const error_code& problem) {
  if (problem == http::error::header_limit || problem == http::error::buffer_overflow)
    throw_error(ErrorKind::denied, "the request's head is longer than {} bytes", kMaxRequestHeadBytes);
  throw_error(ErrorKind::input, "no HTTP request: {}", problem.message());
}

}  // namespace

struct RequestReader::State {
  std::optional<http::request_parser<http::buffer_body>> parser;
  std::size_t seen = 0;  // of the head
};

RequestReader::RequestReader() : state_(std::make_unique<State>()) { begin(); }
RequestReader::~RequestReader() = default;

void RequestReader::begin() {
  auto& parser = state_->parser.emplace();
  parser.header_limit(kMaxRequestHeadBytes);
  parser.body_limit(boost::none);  // who takes the body knows how much of it
  state_->seen = 0;
}

std::size_t RequestReader::read_head(std::string_view bytes) {
  error_code problem;
  std::size_t used = state_->parser->put(boost::asio::const_buffer(bytes.data(), bytes.size()), problem);
  if (problem == http::error::need_more) {
    // What was not used is part of an unfinished head.
    if (bytes.size() > kMaxRequestHeadBytes) refuse(http::error::header_limit);
    problem = {};
  }
  if (problem) refuse(problem);
  state_->seen = bytes.size();
  return used;
}

bool RequestReader::has_head() const { return state_->parser->is_header_done(); }
bool RequestReader::has_begun() const { return state_->seen > 0; }
bool RequestReader::at_end() const { return state_->parser->is_done(); }

RequestHead RequestReader::take_head() {
  auto& parser = *state_->parser;
  auto& message = parser.get();
  RequestHead head{.method = text_of(message.method_string()), .target = text_of(message.target())};
  for (const auto& field : message) head.headers.add(text_of(field.name_string()), text_of(field.value()));
  head.keep_alive = parser.keep_alive();
  if (parser.content_length()) head.content_length = *parser.content_length();
  head.has_body = !parser.is_done();
  head.expects_continue = iequals_ascii(head.headers.find("Expect").value_or(""), "100-continue");
  return head;
}

RequestReader::Piece RequestReader::read_body(std::string_view bytes, std::span<std::byte> into) {
  auto& parser = *state_->parser;
  Piece piece;
  auto& body = parser.get().body();
  body.more = true;
  while (piece.used < bytes.size() && piece.got < into.size() && !parser.is_done()) {
    body.data = into.data() + piece.got;
    body.size = into.size() - piece.got;
    std::size_t room = body.size;
    error_code problem;
    std::size_t used =
        parser.put(boost::asio::const_buffer(bytes.data() + piece.used, bytes.size() - piece.used), problem);
    piece.used += used;
    piece.got += room - body.size;
    if (problem == http::error::need_more) break;
    if (problem && problem != http::error::need_buffer) refuse(problem);
    if (used == 0 && room == body.size) break;
  }
  return piece;
}

}  // namespace imgb::server
