#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "registry/http.h"

namespace imgb {

struct BasicChallenge {
  friend bool operator==(const BasicChallenge&, const BasicChallenge&) = default;
};
/// Spec: distribution "Token Authentication Specification". `realm` is as the registry wrote it: check it before use
/// (credential_policy.h). The registry's own idea of the scope is not kept: we ask for what we need, no more.
struct BearerChallenge {
  std::string realm, service;
  friend bool operator==(const BearerChallenge&, const BearerChallenge&) = default;
};
using Challenge = std::variant<BasicChallenge, BearerChallenge>;

/// WWW-Authenticate headers of a 401 (RFC 9110, 11.6.1), several challenges per header included. Bearer is preferred to
/// Basic, other schemes are passed over; nullopt when nothing is left. Never throws on what a server sends.
std::optional<Challenge> find_challenge(const Headers& headers);

}  // namespace imgb
