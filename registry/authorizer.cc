#include "registry/authorizer.h"

#include "core/base/base64.h"
#include "core/base/text.h"
#include "registry/credential_policy.h"
#include "registry/registry_error.h"

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
  state_.with([&](State& state) {
    state.basic.insert_or_assign({need.registry, need.endpoint.repository}, basic_header(*credential));
  });
  return true;
}

std::optional<Credential> Authorizer::credential_for(const Need& need, const Origin& service) {
  if (may_send(Secret::registry_credential, need.registry, service)) {
    return settings_.find_credential(need.endpoint.location, need.endpoint.repository);
  }
  // Another server gets what the user stored for that server, by its own name.
  return settings_.find_credential(service.authority(), "");
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
  request.tls = settings_.tls_for(realm.origin.authority());
  if (need.endpoint.insecure && realm.origin.host == need.registry.host) request.tls.verify = false;
  Token token = in_context([&] { return "token service " + realm.redacted(); },
                           [&] { return fetch_token(request, std::move(stop)); });
  state_.with(
      [&](State& state) { state.tokens.put(key_for(need, challenge), token, std::chrono::steady_clock::now()); });
  return true;
}

Token Authorizer::fetch_token(const HttpRequest& request, std::stop_token stop) {
  std::optional<Token> token;
  retrier_.run(
      [&](int&) {
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
        if (head.status != 200) throw registry_error(request.method, head, excerpt.text(), now());
        token = parse_token(answer.text);
      },
      stop);
  return *token;
}

}  // namespace imgb
