#include <arpa/inet.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/network.h"

namespace imgb {
namespace {

struct PortRange {
  std::uint16_t first = 0, last = 0;
};

[[noreturn]] void throw_bad(std::string_view text, std::string_view why) {
  throw_error(ErrorKind::usage, "bad port {:?}: {}", printable(text, 64), why);
}

std::uint16_t parse_port(std::string_view word, std::string_view text) {
  auto number = find_unsigned(word);
  if (!number || *number == 0 || *number > 65535) throw_bad(text, "ports go from 1 to 65535");
  return static_cast<std::uint16_t>(*number);
}

PortRange parse_range(std::string_view word, std::string_view text) {
  auto dash = word.find('-');
  PortRange range{parse_port(word.substr(0, dash), text), 0};
  range.last = dash == std::string_view::npos ? range.first : parse_port(word.substr(dash + 1), text);
  if (range.last < range.first) throw_bad(text, "the range runs backwards");
  return range;
}

}  // namespace

std::vector<PortForward> parse_port_forwards(std::string_view text) {
  std::string_view rest = text, protocol = "tcp";
  if (auto slash = rest.find('/'); slash != std::string_view::npos) {
    protocol = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  if (protocol != "tcp" && protocol != "udp") throw_bad(text, "the protocol is tcp or udp");
  if (rest.starts_with('[')) throw_bad(text, "IPv6 addresses of the host are not supported");
  auto parts = split(rest, ':');
  if (parts.size() > 3) throw_bad(text, "expected [address:][host port:]container port[/protocol]");
  std::string address = "0.0.0.0";
  if (parts.size() == 3) {
    address = parts[0];
    in_addr ignored{};
    if (address.empty()) address = "0.0.0.0";
    if (::inet_pton(AF_INET, address.c_str(), &ignored) != 1) throw_bad(text, "the address is no IPv4 address");
  }
  PortRange inside = parse_range(parts.back(), text);
  bool any_free = parts.size() == 1 || parts[parts.size() - 2].empty();
  PortRange outside = any_free ? PortRange{} : parse_range(parts[parts.size() - 2], text);
  if (!any_free && outside.last - outside.first != inside.last - inside.first)
    throw_bad(text, "both ranges must have the same length");
  std::vector<PortForward> forwards;
  for (unsigned i = 0; i + inside.first <= inside.last; ++i)
    forwards.push_back({address, any_free ? std::uint16_t{0} : static_cast<std::uint16_t>(outside.first + i),
                        static_cast<std::uint16_t>(inside.first + i), protocol == "udp"});
  return forwards;
}

}  // namespace imgb
