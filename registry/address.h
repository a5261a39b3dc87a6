#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace imgb {

/// What kind of network an address is on. Everything a server names (a redirect, a token realm) is checked against the
/// kind its namer is on, so that no registry makes us talk to this host's or this network's own services (V36, V62).
enum class AddressClass : std::uint8_t {
  global,
  site,        ///< RFC 1918, unique local, carrier-grade NAT.
  loopback,    ///< 127/8, ::1, and 0.0.0.0, which Linux connects to itself.
  link_local,  ///< 169.254/16, fe80::/10, multicast, reserved: where cloud metadata services live.
};
std::string_view name_of(AddressClass address_class);

/// 4 or 16 bytes in network order. IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4) is seen through.
AddressClass classify_address(std::span<const std::uint8_t> bytes);
/// An address as text, also in the odd forms that resolvers take ("127.1", "0x7f000001"); nullopt for a name.
std::optional<AddressClass> find_address_class(std::string_view host);
/// "localhost", "*.localhost", 127.0.0.0/8 in dotted form and ::1: hosts where plain HTTP is fine, as in Docker.
bool is_loopback_host(std::string_view host);

/// Which kinds of address a connection may go to. By default any.
struct AddressRule {
  bool site = true, loopback = true, link_local = true, global = true;
  bool allows(AddressClass address_class) const;
  static AddressRule only(AddressClass one);
  /// For a server named by another server that is on `namer`: global addresses, and the namer's own kind.
  static AddressRule named_by(AddressClass namer);
  friend bool operator==(const AddressRule&, const AddressRule&) = default;
};

}  // namespace imgb
