#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/server/catalog.h"
#include "registry/server/request.h"

namespace imgb::server {

class Flight;

/// A piece of a blob as a body.
struct BlobBody {
  BlobFile file;
  std::uint64_t first = 0, length = 0;  ///< Within the blob.
  /// Still being read for the first time: see Flight for how much of it may be sent. nullptr: it is right.
  std::shared_ptr<Flight> flight;
  Digest digest;
};

/// What a client is told.
struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::optional<BlobBody> blob = {};  ///< Instead of `body`.
  bool close = false;                 ///< The connection is of no more use.

  Reply& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  std::uint64_t body_bytes() const { return blob ? blob->length : body.size(); }
};

/// An error in the form of the specification: {"errors":[{"code":...,"message":...}]}.
Reply error_reply(int status, std::string_view code, std::string_view message);
Reply text_reply(std::string_view media_type, std::string body);

/// The lines before a body, ended by an empty one. A header's value never ends its line, whatever it holds.
/// `keep_alive`: the connection stays open.
std::string render_head(const Reply& reply, bool keep_alive);

/// How a body is asked for: HEAD and GET with the conditions and the range of their headers.
struct ContentQuestion {
  std::string etag;  ///< With its quotes.
  std::uint64_t size_bytes = 0;
};
struct ContentAnswer {
  int status = 200;                     ///< 200, 206, 304 or 416.
  std::uint64_t first = 0, length = 0;  ///< Of 200 and 206.
  std::string content_range = {};       ///< Of 206 and 416.
};
/// RFC 9110, 13 and 14: If-None-Match, If-Match, If-Range, one range. Several ranges, and what is no range of bytes,
/// give the whole. Pure.
ContentAnswer answer_content(const ContentQuestion& question, const Headers& headers);

}  // namespace imgb::server
