#include "registry/credential_policy.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

bool is_docker_hub(std::string_view host) {
  return host == "docker.io" || host == "registry-1.docker.io" || host == "index.docker.io";
}

/// "gitlab.com" is one of "registry.gitlab.com"; "com" is one of nobody, addresses have none.
bool is_parent_domain(std::string_view parent, std::string_view child) {
  return parent.find('.') != std::string_view::npos && child.size() > parent.size() + 1 && child.ends_with(parent) &&
         child[child.size() - parent.size() - 1] == '.' && !find_address_class(parent) && !find_address_class(child);
}

bool may_send_stored(const Origin& owner, const Origin& target) {
  if (owner.scheme == "https" && target.scheme != "https") return false;
  if (owner.host == target.host) return true;
  if (target.scheme != "https") return false;
  if (is_docker_hub(owner.host)) return target.host == "auth.docker.io";
  return is_parent_domain(target.host, owner.host);
}

}  // namespace

bool may_send(Secret secret, const Origin& owner, const Origin& target) {
  if (owner == target) return true;
  return secret == Secret::registry_credential && may_send_stored(owner, target);
}

Introduction introduce(const Origin& registry, const Origin& service, const std::optional<Credential>& of_registry,
                       const std::optional<Credential>& of_service) {
  if (!of_registry) return Introduction::anonymous;
  if (may_send(Secret::registry_credential, registry, service)) return Introduction::stored;
  bool downgrade = registry.scheme == "https" && service.scheme != "https";
  return of_service == of_registry && !downgrade ? Introduction::stored : Introduction::withheld;
}

std::optional<std::string> find_realm_problem(const Origin& registry, std::string_view realm) {
  if (realm.find('#') != std::string_view::npos) return "it has a fragment";
  auto url = Url::find(realm);
  if (!url) return "it is not an http or https URL";
  if (!url->user_info.empty()) return "it holds a user name";
  if (registry.scheme == "https" && url->origin.scheme != "https") return "it is not https, though the registry is";
  return std::nullopt;
}

std::optional<AddressClass> find_refused_literal(const Origin& target, const AddressRule& rule) {
  auto literal = find_address_class(target.host);
  if (!literal && is_loopback_host(target.host)) literal = AddressClass::loopback;
  return literal && !rule.allows(*literal) ? literal : std::nullopt;
}

namespace {

/// A server's nonsense is not the user's input.
Url redirect_target(const Url& from, std::string_view location) {
  try {
    return resolve(from, location);
  } catch (const Error& error) {
    throw_error(ErrorKind::denied, "{}: redirect to {:?} is not followed: {}", from.redacted(),
                printable(location, 128), error.message());
  }
}

}  // namespace

Url follow_redirect(const Url& from, std::string_view location, int hops) {
  if (hops >= kMaxRedirects) {
    throw_error(ErrorKind::denied, "{}: more than {} redirects", from.redacted(), kMaxRedirects);
  }
  Url to = redirect_target(from, location);
  if (from.origin.scheme == "https" && to.origin.scheme != "https") {
    throw_error(ErrorKind::denied, "{}: redirect from https to http ({}) is not followed", from.redacted(),
                to.origin.str());
  }
  if (!to.user_info.empty()) {
    throw_error(ErrorKind::denied, "{}: redirect to a URL with a user name is not followed", from.redacted());
  }
  return to;
}

}  // namespace imgb
