#include "registry/server/reply.h"

#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace imgb::server {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Other";
  }
}

bool has_content(int status) { return status != 204 && status != 304; }

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  out.append("\r\n");
}

/// One of the tags in a list of them; weak ones compare as strong, "*" is any.
bool names_tag(std::string_view list, std::string_view etag) {
  for (std::string_view part : split(list, ',')) {
    part = trim(part);
    if (part.starts_with("W/")) part.remove_prefix(2);
    // Some clients send a digest as it is.
    if (part == "*" || part == etag || (etag.size() > 2 && part == etag.substr(1, etag.size() - 2))) return true;
  }
  return false;
}

struct Range {
  std::uint64_t first, last;
};
enum class RangeKind { none, one, unsatisfiable };

RangeKind read_range(std::string_view value, std::uint64_t size, Range& range) {
  constexpr std::string_view kUnit = "bytes=";
  if (value.size() < kUnit.size() || !iequals_ascii(value.substr(0, kUnit.size()), kUnit)) return RangeKind::none;
  value = trim(value.substr(kUnit.size()));
  std::size_t dash = value.find('-');
  if (dash == std::string_view::npos || value.find(',') != std::string_view::npos) return RangeKind::none;
  std::string_view from = value.substr(0, dash), to = value.substr(dash + 1);
  auto first = find_unsigned(from), last = find_unsigned(to);
  if (from.empty()) {
    if (!last) return RangeKind::none;
    if (*last == 0 || size == 0) return RangeKind::unsatisfiable;
    range = {size - std::min(*last, size), size - 1};
    return RangeKind::one;
  }
  if (!first || (!to.empty() && !last) || (last && *last < *first)) return RangeKind::none;
  if (*first >= size) return RangeKind::unsatisfiable;
  range = {*first, std::min(last.value_or(size - 1), size - 1)};
  return RangeKind::one;
}

}  // namespace

Reply error_reply(int status, std::string_view code, std::string_view message) {
  using Json = nlohmann::ordered_json;
  Json error{{"code", code}, {"message", message}};
  Json body{{"errors", Json::array({std::move(error)})}};
  Reply reply{.status = status};
  reply.with("Content-Type", "application/json");
  reply.body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return reply;
}

Reply text_reply(std::string_view media_type, std::string body) {
  Reply reply;
  reply.with("Content-Type", std::string(media_type));
  reply.body = std::move(body);
  return reply;
}

std::string render_head(const Reply& reply, bool keep_alive) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, reason_of(reply.status));
  bool has_length = false;
  for (const auto& [name, value] : reply.headers) {
    append_header(out, name, value);
    has_length |= iequals_ascii(name, "Content-Length");
  }
  if (!has_length && has_content(reply.status))
    append_header(out, "Content-Length", std::to_string(reply.body_bytes()));
  append_header(out, "Docker-Distribution-Api-Version", "registry/2.0");
  append_header(out, "X-Content-Type-Options", "nosniff");
  if (!keep_alive) append_header(out, "Connection", "close");
  return out += "\r\n";
}

ContentAnswer answer_content(const ContentQuestion& question, const Headers& headers) {
  if (auto wanted = headers.find("If-Match"); wanted && !names_tag(*wanted, question.etag)) return {.status = 412};
  if (auto known = headers.find("If-None-Match"); known && names_tag(*known, question.etag)) return {.status = 304};
  ContentAnswer whole{.status = 200, .first = 0, .length = question.size_bytes};
  auto asked = headers.find("Range");
  auto only_if = headers.find("If-Range");
  if (!asked || (only_if && trim(*only_if) != question.etag)) return whole;
  Range range{};
  switch (read_range(*asked, question.size_bytes, range)) {
    case RangeKind::none:
      return whole;
    case RangeKind::unsatisfiable:
      return {.status = 416, .content_range = fmt::format("bytes */{}", question.size_bytes)};
    case RangeKind::one:
      return {.status = 206,
              .first = range.first,
              .length = range.last - range.first + 1,
              .content_range = fmt::format("bytes {}-{}/{}", range.first, range.last, question.size_bytes)};
  }
  return whole;
}

}  // namespace imgb::server
