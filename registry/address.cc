#include "registry/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/text.h"

namespace imgb {
namespace {

AddressClass classify_v4(std::span<const std::uint8_t> b) {
  if (b[0] == 127 || b[0] == 0) return AddressClass::loopback;
  if (b[0] == 169 && b[1] == 254) return AddressClass::link_local;
  if (b[0] >= 224) return AddressClass::link_local;  // multicast, reserved, broadcast
  if (b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168)) return AddressClass::site;
  if (b[0] == 100 && (b[1] & 0xc0) == 64) return AddressClass::site;
  if (b[0] == 198 && (b[1] & 0xfe) == 18) return AddressClass::site;  // benchmark networks
  return AddressClass::global;
}

bool starts_with(std::span<const std::uint8_t> bytes, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

}  // namespace

std::string_view name_of(AddressClass address_class) {
  switch (address_class) {
    case AddressClass::global:
      return "public";
    case AddressClass::site:
      return "private";
    case AddressClass::loopback:
      return "loopback";
    case AddressClass::link_local:
      return "link-local";
  }
  return "unknown";
}

AddressClass classify_address(std::span<const std::uint8_t> b) {
  if (b.size() == 4) return classify_v4(b);
  if (b.size() != 16) return AddressClass::link_local;  // not an address we know: the class that is refused first
  if (starts_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return classify_v4(b.subspan(12));
  if (starts_with(b, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return classify_v4(b.subspan(12));
  if (starts_with(b, {0x20, 0x02})) return classify_v4(b.subspan(2, 4));
  if (starts_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
    if (b[12] == 0 && b[13] == 0 && b[14] == 0 && b[15] <= 1) return AddressClass::loopback;
    return classify_v4(b.subspan(12));
  }
  if ((b[0] & 0xfe) == 0xfc) return AddressClass::site;
  if ((b[0] == 0xfe && b[1] >= 0x80) || b[0] == 0xff) return AddressClass::link_local;
  return AddressClass::global;
}

std::optional<AddressClass> find_address_class(std::string_view host) {
  std::string text(host);
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return classify_address(bytes);
  if (in_addr v4; inet_aton(text.c_str(), &v4) == 1) {
    std::memcpy(bytes.data(), &v4, 4);
    return classify_address(std::span(bytes).first(4));
  }
  return std::nullopt;
}

bool is_loopback_host(std::string_view host) {
  if (iequals_ascii(host, "localhost") || lower_ascii(host).ends_with(".localhost")) return true;
  std::string text(host);
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool AddressRule::allows(AddressClass address_class) const {
  switch (address_class) {
    case AddressClass::global:
      return global;
    case AddressClass::site:
      return site;
    case AddressClass::loopback:
      return loopback;
    case AddressClass::link_local:
      return link_local;
  }
  return false;
}

AddressRule AddressRule::only(AddressClass one) {
  return {one == AddressClass::site, one == AddressClass::loopback, one == AddressClass::link_local,
          one == AddressClass::global};
}

AddressRule AddressRule::named_by(AddressClass namer) {
  AddressRule rule = only(namer);
  rule.global = true;
  return rule;
}

}  // namespace imgb
