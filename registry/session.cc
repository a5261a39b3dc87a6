#include "registry/session.h"

#include "core/base/time.h"
#include "registry/credential_policy.h"
#include "registry/exchange.h"
#include "registry/registry_error.h"

namespace imgb {
namespace {

bool may_be_plain(const Endpoint& endpoint) {
  auto origin = find_origin("http", endpoint.authority);
  return endpoint.insecure || (origin && is_loopback_host(origin->host));
}

/// Whether this failure may come from speaking the wrong one of http and https.
bool may_be_other_scheme(const Error& error, std::string_view tried) {
  if (auto* answer = dynamic_cast<const RegistryError*>(&error)) return tried == "http" && answer->status() == 400;
  auto* transport = dynamic_cast<const TransportError*>(&error);
  if (!transport) return false;
  if (tried == "https") return transport->failure() == TransportFailure::no_tls;
  return transport->failure() == TransportFailure::malformed || transport->failure() == TransportFailure::cut;
}

void refer(HttpRequest& request, const Session::Referral& referral, const RedirectRules& rules) {
  Url to = follow_redirect(request.url, referral.location, 0);
  if (!referral.query.empty()) to.target += (to.target.find('?') == std::string::npos ? "?" : "&") + referral.query;
  const Origin home = request.url.origin;
  if (to.origin == home) {
    request.url = to;
  } else {
    turn(request, to, home, AddressRule::named_by(referral.namer.value_or(AddressClass::global)), rules);
  }
}

bool is_wanted(int status) { return status / 100 == 2 || status == 416; }

}  // namespace

HttpRequest Session::request_for(const std::string& scheme, const Endpoint& endpoint, const Call& call) {
  HttpRequest request;
  request.method = call.method;
  request.url = Url::parse(fmt::format("{}://{}/v2/{}{}", scheme, endpoint.authority, endpoint.repository, call.path));
  request.headers = call.headers;
  request.body = call.body;
  request.upload = call.upload;
  request.tls = settings_.tls_for(endpoint.location);
  if (endpoint.insecure) request.tls.verify = false;
  // A name that is trusted for being on loopback must lead there.
  if (scheme == "http" && !endpoint.insecure) request.addresses = AddressRule::only(AddressClass::loopback);
  return request;
}

ResponseHead Session::send_by(Contact& contact, const Endpoint& endpoint, const Call& call,
                              const HttpTransport::OnHead& on_head, const std::stop_token& stop) {
  HttpRequest request = request_for(contact.scheme, endpoint, call);
  Authorizer::Need need{request.url.origin, endpoint, call.actions, call.also_from};
  RedirectRules rules{[&](const Origin& origin) { return settings_.tls_for(origin.authority()); }};
  if (call.referral) refer(request, *call.referral, rules);
  for (bool answered = false;; answered = true) {
    auto authorization = request.url.origin == need.registry ? authorizer_.find_header(need) : std::nullopt;
    if (authorization) request.headers.set("Authorization", *authorization);
    ExcerptSink excerpt;
    ResponseHead head;
    auto look = [&](const ResponseHead& got) -> Sink* {
      head = got;
      contact.heard = got.status != 400;  // what TLS servers say to plain HTTP
      return is_wanted(got.status) ? on_head(got) : &excerpt;
    };
    try {
      exchange(transport_, request, look, rules, stop);
    } catch (const ExcerptSink::Enough&) {
      if (is_wanted(head.status)) throw;
    }
    if (is_wanted(head.status)) return head;
    // A challenge by a server that the registry sent us to is not the registry's.
    bool is_registry = request.url.origin == need.registry && !head.redirected;
    if (head.status == 401 && !answered && is_registry && authorizer_.answer(need, head, stop)) continue;
    RegistryError error = registry_error(call.method + " " + request.url.redacted(), head, excerpt.text(), now());
    authorizer_.add_hint(error, need);
    throw error;
  }
}

/// The first request to a server that may speak plain HTTP.
///
/// On loopback plain HTTP is tried first: it is what such registries speak, TLS needs the system's certificates read,
/// and a simple server that waits for a line end never answers a TLS hello. Nothing is at stake in that request:
/// credentials are sent when a server asks for them. Called insecure: TLS first. A bad certificate ends it either way
/// (V65).
ResponseHead Session::find_out(const Endpoint& endpoint, const Call& call, const HttpTransport::OnHead& on_head,
                               const std::stop_token& stop) {
  auto remember = [&](const std::string& scheme) {
    schemes_.with([&](auto& schemes) { schemes.insert_or_assign(endpoint.authority, scheme); });
  };
  Contact first{endpoint.insecure ? "https" : "http"}, second{endpoint.insecure ? "http" : "https"};
  std::exception_ptr failure;
  try {
    ResponseHead head = send_by(first, endpoint, call, on_head, stop);
    remember(first.scheme);
    return head;
  } catch (const Error& error) {
    if (first.heard) remember(first.scheme);
    if (first.heard || !may_be_other_scheme(error, first.scheme)) throw;
    failure = std::current_exception();
  }
  try {
    ResponseHead head = send_by(second, endpoint, call, on_head, stop);
    remember(second.scheme);
    return head;
  } catch (const TransportError& error) {
    if (second.scheme == "http" || error.failure() == TransportFailure::tls) throw;
  } catch (const Error&) {
    if (second.heard) remember(second.scheme);
    throw;
  }
  std::rethrow_exception(failure);
}

ResponseHead Session::send(const Endpoint& endpoint, const Call& call, const HttpTransport::OnHead& on_head,
                           const std::stop_token& stop) {
  try {
    Contact contact{"https"};
    if (may_be_plain(endpoint)) {
      contact.scheme = schemes_.with([&](auto& schemes) {
        auto found = schemes.find(endpoint.authority);
        return found == schemes.end() ? std::string() : found->second;
      });
      if (contact.scheme.empty()) return find_out(endpoint, call, on_head, stop);
    }
    return send_by(contact, endpoint, call, on_head, stop);
  } catch (TransportError& error) {
    error.add_frame(fmt::format("{} {}/v2/{}{}", call.method, endpoint.authority, endpoint.repository, call.path));
    throw;
  }
}

}  // namespace imgb
