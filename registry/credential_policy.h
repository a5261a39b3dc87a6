#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "registry/address.h"
#include "registry/url.h"

namespace imgb {

/// The one place that says what may go where (security.md 2C: V60-V64, V67). Pure.

/// What someone wants to send, to whom.
enum class Secret {
  registry_credential,  ///< User and password, or identity token, stored for the registry.
  request_header,       ///< Authorization, Cookie, client certificate of a request that is being redirected.
};
/// `owner` is the server the secret was given to or stored for, `target` the one that would get it.
///
/// A header of ours goes to its own origin and nowhere else, another scheme or port of the host included. A stored
/// credential also goes to the token service that its registry names when that is
///   - on the same host, over https unless the registry itself is plain http; or
///   - on a parent domain of it (registry.gitlab.com names gitlab.com: whoever holds the parent holds the child); or
///   - Docker Hub's own.
/// Anything else gets nothing that was stored for the registry; it may still get what was stored for its own name.
bool may_send(Secret secret, const Origin& owner, const Origin& target);

/// Why the token service that `registry` names must not be asked at all; nullopt when it may be. An https registry has
/// an https service; no user part, no fragment. (V62; where it resolves to is checked by AddressRule.)
std::optional<std::string> find_realm_problem(const Origin& registry, std::string_view realm);

/// The kind of address that a URL says outright and `rule` refuses; names are looked at when they are resolved.
std::optional<AddressClass> find_refused_literal(const Origin& target, const AddressRule& rule);

/// Where a redirect leads. Error(denied) on the 11th hop, https to http, other schemes, a user part (V36, V60, V66).
/// `hops` is how many were followed before.
inline constexpr int kMaxRedirects = 10;
Url follow_redirect(const Url& from, std::string_view location, int hops);

}  // namespace imgb
