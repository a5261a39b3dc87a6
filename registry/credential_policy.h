#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "registry/address.h"
#include "registry/auth_file.h"
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
/// Anything else gets nothing that was stored for the registry.
bool may_send(Secret secret, const Origin& owner, const Origin& target);

/// What a token service is told about who asks, on behalf of the registry that named it.
enum class Introduction {
  anonymous,  ///< Nothing is stored for the registry.
  stored,     ///< The credential that is stored for the registry.
  withheld,   ///< Nothing, though there is one: the service is another server.
};
/// `of_registry` and `of_service` are what the user stored for either, by its own name. The service gets the registry's
/// when may_send() allows it, or when the user stored the very same for both: it then learns nothing (a GitLab on
/// gitlab.example.com serves tokens for registry.example.com; who logs in to both says that they belong together).
///
/// What was stored for the service alone is used for nobody else: any registry may name any service, any repository
/// there, and is handed the token (V62, V63).
Introduction introduce(const Origin& registry, const Origin& service, const std::optional<Credential>& of_registry,
                       const std::optional<Credential>& of_service);

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
