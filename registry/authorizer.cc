#include "registry/authorizer.h"

#include "core/base/base64.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxAnswerBytes = 256ull * 1024;

class CappedText : public Sink {
 public:
  void write(std::span<const std::byte> bytes) override {
    if (text.size() + bytes.size() > kMaxAnswerBytes) {
      throw_error(ErrorKind::corrupt, "the token service's answer is longer than {} KiB", kMaxAnswerBytes / 1024);
    }
    text.append(as_text(bytes));
  }
  std::string text;
};

std::string basic_header(const Credential& credential) {
  return "Basic " + encode_base64(credential.user + ":" + credential.secret);
}

/// Spec: distribution "Token Authentication Specification" for GET, "OAuth2 Token Authentication" for identity tokens.
HttpRequest token_request(const Url& realm, const std::string& service, const std::string& scope,
                          const std::optional<Credential>& credential) {
  HttpRequest request;
  if (credential && !credential->identity_token.empty()) {
    request.method = "POST";
    request.url = realm;
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body =
        fmt::format("grant_type=refresh_token&service={}&scope={}&client_id=imgb&refresh_token={}",
                    percent_encode(service), percent_encode(scope), percent_encode(credential->identity_token));
    return request;
  }
  request.url = token_url(realm, service, scope, credential ? credential->user : "");
  if (credential) request.headers.set("Authorization", basic_header(*credential));
  return request;
}

}  // namespace

std::string Authorizer::Need::scope() const {
  if (endpoint.repository.empty()) return "";  // of no repository: whether the credential is right
  std::string scope = "repository:" + endpoint.repository + ":" + actions;
  return also_from.empty() ? scope : scope + " repository:" + also_from + ":pull";
}

TokenKey Authorizer::key_for(const Need& need, const BearerChallenge& challenge) const {
  return {need.registry, challenge.realm, challenge.service, need.scope()};
}

std::optional<std::string> Authorizer::find_header(const Need& need) const {
  return state_.with([&](const State& state) -> std::optional<std::string> {
    auto known = state.challenges.find(need.registry);
    if (known == state.challenges.end()) return std::nullopt;
    if (auto* bearer = std::get_if<BearerChallenge>(&known->second)) {
      auto token = state.tokens.find(key_for(need, *bearer), std::chrono::steady_clock::now());
      return token ? std::optional("Bearer " + *token) : std::nullopt;
    }
    auto basic = state.basic.find({need.registry, need.endpoint.repository});
    return basic == state.basic.end() ? std::nullopt : std::optional(basic->second);
  });
}

bool Authorizer::answer(const Need& need, const ResponseHead& unauthorized, std::stop_token stop) {
  auto challenge = find_challenge(unauthorized.headers);
  if (!challenge) return false;
  bool answered = std::holds_alternative<BasicChallenge>(*challenge)
                      ? answer_basic(need)
                      : answer_bearer(need, std::get<BearerChallenge>(*challenge), unauthorized.peer, std::move(stop));
  state_.with([&](State& state) { state.challenges.insert_or_assign(need.registry, *challenge); });
  return answered;
}

bool Authorizer::answer_basic(const Need& need) {
  auto credential = settings_.find_credential(need.endpoint.location, need.endpoint.repository);
  if (!credential || credential->user.empty()) return false;
  note(need, Introduction::stored, "");
  state_.with([&](State& state) {
    state.basic.insert_or_assign({need.registry, need.endpoint.repository}, basic_header(*credential));
  });
  return true;
}

std::optional<Credential> Authorizer::credential_for(const Need& need, const Origin& service) {
  auto of_registry = settings_.find_credential(need.endpoint.location, need.endpoint.repository);
  bool at_once = !of_registry || may_send(Secret::registry_credential, need.registry, service);
  auto of_service = at_once ? std::nullopt : settings_.find_credential(service.authority(), "");
  Introduction introduction = introduce(need.registry, service, of_registry, of_service);
  note(need, introduction, service.authority());
  return introduction == Introduction::stored ? of_registry : std::nullopt;
}

/// Trust as for any server of that name; a client certificate is a credential like any other: the registry's own or
/// none.
TlsOptions Authorizer::tls_for(const Need& need, const Origin& service) {
  TlsOptions tls = settings_.tls_for(service.authority());
  if (need.endpoint.insecure && service.host == need.registry.host) tls.verify = false;
  bool may = may_send(Secret::registry_credential, need.registry, service);
  TlsOptions own = may ? settings_.tls_for(need.endpoint.location) : TlsOptions();
  tls.client_certificate_file = own.client_certificate_file;
  tls.client_key_file = own.client_key_file;
  return tls;
}

void Authorizer::note(const Need& need, Introduction introduction, std::string service) {
  state_.with([&](State& state) {
    state.standings.insert_or_assign({need.registry, need.endpoint.repository},
                                     Standing{introduction, std::move(service)});
  });
}

void Authorizer::add_hint(RegistryError& error, const Need& need) const {
  if (error.status() != 401 && error.status() != 403) return;
  Standing standing = state_.with([&](const State& state) {
    auto found = state.standings.find({need.registry, need.endpoint.repository});
    return found == state.standings.end() ? Standing{Introduction::anonymous, ""} : found->second;
  });
  const std::string& location = need.endpoint.location;
  switch (standing.introduction) {
    case Introduction::anonymous:
      error.set_hint(fmt::format("check the name; if the image is private: imgb login {}", location));
      break;
    case Introduction::stored:
      error.set_hint(need.endpoint.repository.empty()
                         ? "the user name or the password is wrong; some registries want a token for a password"
                         : fmt::format("the credentials stored for {} do not open {}, or there is no such image",
                                       location, need.endpoint.repository));
      break;
    case Introduction::withheld:
      error.set_hint(fmt::format(
          "the credentials stored for {0} were not sent to {1}, which it names as its token "
          "service; if the two belong together, store the same ones for both: imgb login --verify=false {1}",
          location, standing.service));
      break;
  }
}

bool Authorizer::answer_bearer(const Need& need, const BearerChallenge& challenge, std::optional<AddressClass> peer,
                               std::stop_token stop) {
  auto refuse = [&](std::string_view why) {
    throw_error(ErrorKind::denied, "{} names {:?} as its token service, which is not asked: {}",
                need.registry.authority(), printable(challenge.realm, 256), why);
  };
  if (auto problem = find_realm_problem(need.registry, challenge.realm)) refuse(*problem);
  Url realm = Url::parse(challenge.realm);
  HttpRequest request = token_request(realm, challenge.service, need.scope(), credential_for(need, realm.origin));
  // By where the registry turned out to be, not by its name: its name may mean another address the next time. Behind a
  // proxy only another host than the registry's is checked.
  if (peer || realm.origin.host != need.registry.host) {
    request.addresses = AddressRule::named_by(peer.value_or(AddressClass::global));
    if (auto literal = find_refused_literal(realm.origin, request.addresses)) {
      refuse(fmt::format("it is on a {} address and the registry is not", name_of(*literal)));
    }
  }
  request.tls = tls_for(need, realm.origin);
  Token token = in_context([&] { return "token service " + realm.redacted(); },
                           [&] { return fetch_token(request, need, std::move(stop)); });
  state_.with(
      [&](State& state) { state.tokens.put(key_for(need, challenge), token, std::chrono::steady_clock::now()); });
  return true;
}

Token Authorizer::fetch_token(const HttpRequest& request, const Need& need, std::stop_token stop) {
  CappedText answer;
  ExcerptSink excerpt;
  ResponseHead head;
  auto look = [&](const ResponseHead& got) -> Sink* {
    head = got;
    return got.status == 200 ? static_cast<Sink*>(&answer) : &excerpt;
  };
  try {
    transport_.perform(request, look, stop);
  } catch (const ExcerptSink::Enough&) {
    // the error's text is long enough
  }
  if (head.status / 100 == 3) {
    throw_error(ErrorKind::denied, "it redirects, which is not followed: credentials are at stake");
  }
  if (head.status != 200) {
    RegistryError error = registry_error(request.method, head, excerpt.text(), now());
    add_hint(error, need);
    throw error;
  }
  return parse_token(answer.text);
}

}  // namespace imgb
