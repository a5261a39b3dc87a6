#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imgb {

/// (scheme, host, port): what a credential is bound to and what "the same server" means.
struct Origin {
  std::string scheme;  ///< "http" or "https"
  std::string host;    ///< Lower case; an IPv6 address without brackets.
  std::uint16_t port = 0;
  std::string authority() const;  ///< "host", "host:5000", "[::1]:5000"; the scheme's own port is left out.
  std::string str() const { return scheme + "://" + authority(); }
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

/// An http or https URL, normalised: host in lower case, no fragment, bytes that may not appear are percent-encoded.
struct Url {
  Origin origin;
  std::string target = "/";  ///< Path and query, as it goes into the request line.
  std::string user_info;     ///< Decoded "user:password" from the URL; empty for none.

  /// Error(input) on other schemes, control characters, bad hosts or ports. The message never holds the user info.
  static Url parse(std::string_view text);
  static std::optional<Url> find(std::string_view text) noexcept;
  std::string str() const { return origin.str() + target; }  ///< Without user info.
  std::string redacted() const;  ///< For messages: without user info and without the query, which may be signed.
  std::string path() const;      ///< The target without its query.
  friend bool operator==(const Url&, const Url&) = default;
};

/// A Location header or similar, seen from `base`: absolute, "//host/x", "/x", "?x" or "x". RFC 3986, 5.2. Throws as
/// Url::parse.
Url resolve(const Url& base, std::string_view location);

/// "127.0.0.1:5000", "[::1]:5000", "example.com": host and port as registries are named. nullopt on any other shape.
std::optional<Origin> find_origin(std::string_view scheme, std::string_view authority) noexcept;

std::string percent_encode(std::string_view text);  ///< All but RFC 3986 unreserved characters.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace imgb
