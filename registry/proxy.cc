#include "registry/proxy.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "core/base/text.h"
#include "registry/address.h"

namespace imgb {
namespace {

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  int size = 0;
};

std::optional<Address> find_address(std::string_view text) {
  Address out;
  std::string copy(trim(text, "[]"));
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) return out.size = 4, out;
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out.size = 16, out;
  return std::nullopt;
}

bool in_block(const Address& address, std::string_view cidr) {
  std::size_t slash = cidr.find('/');
  auto network = find_address(cidr.substr(0, slash));
  auto bits = find_unsigned(cidr.substr(slash + 1));
  if (!network || !bits || network->size != address.size || *bits > static_cast<std::uint64_t>(network->size) * 8) {
    return false;
  }
  auto whole = static_cast<std::size_t>(*bits / 8);
  if (std::memcmp(network->bytes.data(), address.bytes.data(), whole) != 0) return false;
  unsigned rest = *bits % 8;
  if (rest == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (network->bytes[whole] & mask) == (address.bytes[whole] & mask);
}

bool matches(std::string_view entry, const Origin& to) {
  if (entry.empty()) return false;
  if (entry == "*") return true;
  auto address = find_address(to.host);
  if (entry.find('/') != std::string_view::npos) return address && in_block(*address, entry);
  if (auto plain = find_address(entry))
    return address && address->size == plain->size && address->bytes == plain->bytes;
  if (std::size_t colon = entry.rfind(':'); colon != std::string_view::npos) {
    auto port = find_unsigned(entry.substr(colon + 1));
    if (!port || *port != to.port) return false;
    entry = entry.substr(0, colon);
    if (auto plain = find_address(entry)) return address && address->bytes == plain->bytes;
  }
  std::string name = lower_ascii(entry);
  if (name.starts_with("*.")) name.erase(0, 1);
  if (name.starts_with('.')) return to.host.ends_with(name);
  return to.host == name || to.host.ends_with("." + name);
}

}  // namespace

std::optional<std::string> find_proxy(const ProxySettings& settings, const Origin& to) {
  const std::string& proxy = to.scheme == "https" ? settings.https : settings.http;
  if (proxy.empty() || is_loopback_host(to.host)) return std::nullopt;
  for (std::string_view entry : split(settings.no_proxy, ',')) {
    if (matches(trim(entry), to)) return std::nullopt;
  }
  return proxy;
}

}  // namespace imgb
