#include "tests/support/fake_http.h"

#include <algorithm>

#include "core/base/text.h"
#include "registry/url.h"

namespace imgb {
namespace {

std::string reason(int status) { return status < 400 ? "OK" : "Error"; }

bool send_body(FakeSocket& socket, const std::string& body, const FakeFault& fault, const FakePause& pause) {
  if (fault.cut_at && *fault.cut_at < body.size()) {
    socket.write(std::string_view(body).substr(0, static_cast<std::size_t>(*fault.cut_at)));
    return false;
  }
  if (fault.byte_every.count() == 0) return socket.write(body);
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (!socket.write(std::string_view(body).substr(i, 1)) || !pause(fault.byte_every)) return false;
  }
  return true;
}

bool send_chunked(FakeSocket& socket, const std::string& whole, const FakeFault& fault) {
  std::string body = whole.substr(0, fault.endless_after.value_or(whole.size()));
  if (!body.empty() && !socket.write(fmt::format("{:x}\r\n{}\r\n", body.size(), body))) return false;
  if (!fault.endless_after) return socket.write("0\r\n\r\n");
  std::string zeros = fmt::format("{:x}\r\n{}\r\n", 65536, std::string(65536, '\0'));
  while (socket.write(zeros)) {
  }
  return false;
}

}  // namespace

std::string FakeRequest::query(std::string_view name) const {
  std::size_t mark = target.find('?');
  if (mark == std::string::npos) return "";
  for (std::string_view pair : split(std::string_view(target).substr(mark + 1), '&')) {
    std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos) {
      return percent_decode(pair.substr(equals + 1)).value_or("");
    }
  }
  return "";
}

bool fits(const FakeFault& fault, const FakeRequest& request) {
  return fault.times != 0 && (fault.method.empty() || fault.method == request.method) &&
         request.target.find(fault.path) != std::string::npos;
}

std::optional<FakeRequest> read_request(FakeSocket& socket, std::string& buffer) {
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    auto more = socket.read_some();
    if (!more) return std::nullopt;
    buffer += *more;
    if (buffer.starts_with('\x16')) {  // a TLS hello
      socket.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return std::nullopt;
    }
  }
  FakeRequest request;
  std::string head = buffer.substr(0, end);
  buffer.erase(0, end + 4);
  auto lines = split(head, '\n');
  auto words = split(trim(lines.front()), ' ');
  if (words.size() < 2) return std::nullopt;
  request.method = words[0];
  request.target = words[1];
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::size_t colon = lines[i].find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.add(std::string(lines[i].substr(0, colon)), std::string(trim(lines[i].substr(colon + 1))));
  }
  std::size_t length = find_unsigned(request.header("Content-Length")).value_or(0);
  if (length > buffer.size() && request.header("Expect") == "100-continue") {
    socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  while (buffer.size() < length) {
    auto more = socket.read_some();
    if (!more) return std::nullopt;
    buffer += *more;
  }
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return request;
}

void apply_range(const FakeRequest& request, FakeReply& reply) {
  std::string range = request.header("Range");
  if (reply.status != 200 || !range.starts_with("bytes=")) return;
  std::string if_range = request.header("If-Range");
  if (!if_range.empty() && if_range != reply.headers.find("ETag").value_or("")) return;
  std::size_t dash = range.find('-');
  std::uint64_t size = reply.body.size();
  std::uint64_t first = find_unsigned(range.substr(6, dash - 6)).value_or(0);
  std::uint64_t last = std::min(find_unsigned(range.substr(dash + 1)).value_or(size - 1), size - 1);
  if (first >= size) {
    reply = {416, {{"Content-Range", fmt::format("bytes */{}", size)}}, ""};
    return;
  }
  reply.status = 206;
  reply.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", first, last, size));
  reply.body = reply.body.substr(first, last - first + 1);
}

bool send_reply(FakeSocket& socket, const FakeRequest& request, const FakeReply& reply, const FakeFault& fault,
                const FakePause& pause) {
  bool chunked = fault.chunked || fault.endless_after;
  bool bodyless = request.method == "HEAD" || reply.status == 204 || reply.status == 304;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
  for (const auto& field : reply.headers.fields()) head += field.name + ": " + field.value + "\r\n";
  if (chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!reply.headers.find("Content-Length") && reply.status != 204 && reply.status != 304) {
    head += fmt::format("Content-Length: {}\r\n", reply.body.size());
  }
  if (!socket.write(head + "\r\n")) return false;
  if (bodyless) return true;
  return chunked ? send_chunked(socket, reply.body, fault) : send_body(socket, reply.body, fault, pause);
}

}  // namespace imgb
