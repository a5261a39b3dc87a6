#include <array>

#include "core/base/text.h"
#include "registry/server/reply.h"
#include "registry/server/request.h"
#include "registry/server/route.h"
#include "tests/fuzz/targets.h"

namespace imgb::fuzz {
namespace {

void check_repository(const server::Repository& repository) {
  auto name = Reference::find(repository.name);
  want(name && name->name() == repository.name && !name->tag() && !name->digest(), "a repository is a whole name");
  for (std::string_view word : split(repository.asked, '/'))
    want(!word.empty() && word != "..", "no path leads elsewhere");
}

void check_route(const server::Route& route) {
  std::visit(
      [](const auto& one) {
        if constexpr (requires { one.repository; }) check_repository(one.repository);
        if constexpr (requires { one.message; })
          want(one.status >= 400 && one.message.size() < 4096, "a short refusal");
      },
      route);
}

void check_content(const Headers& headers) {
  constexpr std::uint64_t kSize = 1000;
  auto answer = server::answer_content({"\"sha256:x\"", kSize}, headers);
  want(answer.first <= kSize && answer.length <= kSize - answer.first, "a range is within its blob");
}

void read_body(server::RequestReader& reader, std::string_view rest) {
  std::array<std::byte, 64> piece;
  while (!reader.at_end() && !rest.empty()) {
    auto read = reader.read_body(rest, piece);
    want(read.used <= rest.size() && read.got <= piece.size(), "a piece is within its bytes");
    if (read.used == 0 && read.got == 0) return;
    rest.remove_prefix(read.used);
  }
}

}  // namespace

void server_request(std::string_view bytes) {
  may_refuse([&] {
    server::RequestReader reader;
    std::string_view rest = bytes;
    rest.remove_prefix(reader.read_head(rest));
    if (!reader.has_head()) return;
    server::RequestHead head = reader.take_head();
    check_route(server::parse_route(head.target));
    check_content(head.headers);
    auto reply = server::error_reply(400, "X", head.target);
    reply.with("X", head.target);
    std::string lines = server::render_head(reply, true);
    want(lines.find("\r\n\r\n") == lines.size() - 4, "nothing in an answer ends its head");
    read_body(reader, rest);
  });
  check_route(server::parse_route(bytes));
}

}  // namespace imgb::fuzz
