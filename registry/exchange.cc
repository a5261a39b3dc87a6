#include "registry/exchange.h"

#include "registry/credential_policy.h"
#include "registry/registry_error.h"

namespace imgb {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

AddressRule rule_after_redirect(const ResponseHead& first, bool strict) {
  // Behind a proxy nobody knows where the first server is; what it names must then be public.
  AddressRule rule = AddressRule::named_by(first.peer.value_or(AddressClass::global));
  if (strict) rule.loopback = rule.link_local = false;
  return rule;
}

}  // namespace

void turn(HttpRequest& request, const Url& to, const Origin& home, const AddressRule& rule,
          const RedirectRules& rules) {
  if (to.origin == home) {
    request.addresses = {};
  } else {
    if (auto refused = find_refused_literal(to.origin, rule)) {
      throw TransportError(
          TransportFailure::refused_address, ErrorKind::denied,
          fmt::format("redirect to {}, a {} address, is not followed", to.origin.str(), name_of(*refused)));
    }
    request.addresses = rule;
  }
  if (to.origin != request.url.origin) {
    request.tls = rules.tls_for(to.origin);
    // Also on the way back home: by then another server says what is asked for there.
    request.tls.client_certificate_file.clear();
    request.tls.client_key_file.clear();
  }
  if (!may_send(Secret::request_header, home, to.origin)) {
    for (const char* name : {"Authorization", "Cookie", "Proxy-Authorization"}) request.headers.remove(name);
    for (const std::string& name : rules.private_headers) request.headers.remove(name);
  }
  request.url = to;
}

ResponseHead exchange(HttpTransport& transport, HttpRequest request, const HttpTransport::OnHead& on_head,
                      const RedirectRules& rules, const std::stop_token& stop) {
  const Origin home = request.url.origin;
  std::optional<AddressRule> after;
  for (int hops = 0;; ++hops) {
    std::optional<std::string> location;
    ExcerptSink ignored;
    auto look = [&](const ResponseHead& got) -> Sink* {
      ResponseHead head = got;
      head.redirected = request.url.origin != home;
      auto field = head.headers.find("Location");
      if (!is_redirect(head.status) || !field) return on_head(head);
      if ((request.body || request.upload) && head.status < 307)
        throw_error(ErrorKind::denied, "{} {} is answered by redirect {}, which means another request", request.method,
                    request.url.redacted(), head.status);
      location = std::string(*field);
      if (!after) after = rule_after_redirect(head, rules.strict);
      return &ignored;
    };
    try {
      ResponseHead head = transport.perform(request, look, stop);
      if (!location) return head;
    } catch (const ExcerptSink::Enough&) {
      if (!location) throw;  // the caller's own
    }
    turn(request, follow_redirect(request.url, *location, hops), home, *after, rules);
  }
}

}  // namespace imgb
