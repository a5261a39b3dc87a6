#pragma once
#include <functional>
#include <stop_token>

#include "registry/http.h"

namespace imgb {

/// How redirects of one request are followed; the rules are credential_policy.h's.
struct RedirectRules {
  std::function<TlsOptions(const Origin&)> tls_for;  ///< Trust for another server than the first.
  /// After a redirect to another server, addresses of this host and of link-local networks are refused even when the
  /// first server is there itself (V36, for ADD). Otherwise its own kind of network is allowed.
  bool strict = false;
  std::vector<std::string> private_headers;  ///< More headers that only the first origin may see.
};

/// Makes the request one to `to`, which some server named: what is `home`'s alone stays behind. `rule`: where the name
/// may lead to.
void turn(HttpRequest& request, const Url& to, const Origin& home, const AddressRule& rule, const RedirectRules& rules);

/// One request and the redirects it leads to, at most ten. Authorization, Cookie, Proxy-Authorization and the client
/// certificate stay with the first origin, and do not come back when a chain of redirects does (V60). `on_head` hears
/// of the last answer alone. A body is sent again after 307 and 308 only; Error(denied) for other redirects of it.
ResponseHead exchange(HttpTransport& transport, HttpRequest request, const HttpTransport::OnHead& on_head,
                      const RedirectRules& rules, const std::stop_token& stop);

}  // namespace imgb
