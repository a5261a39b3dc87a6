#include "registry/session.h"

#include "core/base/time.h"
#include "registry/exchange.h"
#include "registry/registry_error.h"

namespace imgb {
namespace {

bool may_be_plain(const Endpoint& endpoint) {
  auto origin = find_origin("http", endpoint.authority);
  return endpoint.insecure || (origin && is_loopback_host(origin->host));
}

bool is_wanted(int status) { return status / 100 == 2 || status == 416; }

/// What to try when a registry says no to what we have.
Error& add_login_hint(RegistryError& error, const Endpoint& endpoint, bool sent_credential) {
  if (error.status() != 401 && error.status() != 403) return error;
  if (sent_credential) {
    return error.set_hint(fmt::format("the credentials stored for {} do not open {}, or there is no such image",
                                      endpoint.location, endpoint.repository));
  }
  return error.set_hint(fmt::format("check the name; if the image is private: imgb login {}", endpoint.location));
}

}  // namespace

HttpRequest Session::request_for(const std::string& scheme, const Endpoint& endpoint, const Call& call) {
  HttpRequest request;
  request.method = call.method;
  request.url = Url::parse(fmt::format("{}://{}/v2/{}{}", scheme, endpoint.authority, endpoint.repository, call.path));
  request.headers = call.headers;
  request.tls = settings_.tls_for(endpoint.location);
  if (endpoint.insecure) request.tls.verify = false;
  // A name that is trusted for being on loopback must lead there.
  if (scheme == "http" && !endpoint.insecure) request.addresses = AddressRule::only(AddressClass::loopback);
  return request;
}

ResponseHead Session::send_by(const std::string& scheme, const Endpoint& endpoint, const Call& call,
                              const HttpTransport::OnHead& on_head, const std::stop_token& stop) {
  HttpRequest request = request_for(scheme, endpoint, call);
  Authorizer::Need need{request.url.origin, endpoint, call.actions};
  RedirectRules rules{[&](const Origin& origin) { return settings_.tls_for(origin.authority()); }};
  for (bool answered = false;; answered = true) {
    auto authorization = authorizer_.find_header(need);
    if (authorization) request.headers.set("Authorization", *authorization);
    ExcerptSink excerpt;
    ResponseHead head;
    auto look = [&](const ResponseHead& got) -> Sink* {
      head = got;
      return is_wanted(got.status) ? on_head(got) : &excerpt;
    };
    try {
      exchange(transport_, request, look, rules, stop);
    } catch (const ExcerptSink::Enough&) {
      if (is_wanted(head.status)) throw;
    }
    if (is_wanted(head.status)) return head;
    if (head.status == 401 && !answered && authorizer_.answer(need, head, stop)) continue;
    RegistryError error = registry_error(call.method + " " + request.url.redacted(), head, excerpt.text(), now());
    add_login_hint(error, endpoint, authorization.has_value());
    throw error;
  }
}

ResponseHead Session::send(const Endpoint& endpoint, const Call& call, const HttpTransport::OnHead& on_head,
                           const std::stop_token& stop) {
  auto describe = [&] {
    return fmt::format("{} {}/v2/{}{}", call.method, endpoint.authority, endpoint.repository, call.path);
  };
  auto by = [&](const std::string& scheme) {
    try {
      return send_by(scheme, endpoint, call, on_head, stop);
    } catch (TransportError& error) {
      if (error.failure() != TransportFailure::no_tls || !may_be_plain(endpoint)) error.add_frame(describe());
      throw;
    }
  };
  if (!may_be_plain(endpoint)) return by("https");
  auto known = plain_.with([&](auto& schemes) {
    auto found = schemes.find(endpoint.authority);
    return found == schemes.end() ? std::string() : found->second;
  });
  // TLS first: plain HTTP only for a port that speaks no TLS. A bad certificate stays an error (V65).
  std::string scheme = known.empty() ? "https" : known;
  try {
    ResponseHead head = by(scheme);
    if (known.empty()) plain_.with([&](auto& schemes) { schemes.emplace(endpoint.authority, "https"); });
    return head;
  } catch (const TransportError& error) {
    if (scheme != "https" || error.failure() != TransportFailure::no_tls) throw;
  }
  plain_.with([&](auto& schemes) { schemes.insert_or_assign(endpoint.authority, "http"); });
  return by("http");
}

}  // namespace imgb
