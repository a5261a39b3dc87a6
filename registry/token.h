#pragma once
#include <chrono>
#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "registry/url.h"

namespace imgb {

/// A token is good for exactly this (V63).
struct TokenKey {
  Origin registry;
  std::string realm, service, scope;
  friend auto operator<=>(const TokenKey&, const TokenKey&) = default;
};
struct Token {
  std::string text;
  std::chrono::seconds lifetime{60};
};
/// The answer of a token service: `token` or `access_token`, `expires_in` (at least 60 s, at most a day).
/// Error(corrupt) on other shapes, and on a token that could not go into a header.
Token parse_token(std::string_view json);

/// Realm with the query that asks for a token; service and scope are percent-encoded, whatever they hold (V62).
Url token_url(const Url& realm, std::string_view service, std::string_view scope, std::string_view account);

/// Tokens by key, as long as they hold. Time is the caller's monotonic clock: wall clocks are wrong too often (F15).
class TokenCache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  std::optional<std::string> find(const TokenKey& key, Time now) const;
  void put(const TokenKey& key, const Token& token, Time now);

 private:
  struct Held {
    std::string text;
    Time until;
  };
  std::map<TokenKey, Held> tokens_;
};

}  // namespace imgb
