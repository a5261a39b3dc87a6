#pragma once
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/task.h"
#include "registry/challenge.h"
#include "registry/registries_conf.h"
#include "registry/retrier.h"
#include "registry/settings.h"
#include "registry/token.h"

namespace imgb {

/// Answers registries' challenges: Basic, and Bearer by way of their token services, with the credentials that the
/// policy lets go there (credential_policy.h). Remembers challenges and tokens, so that a registry says 401 once.
/// Threads: all functions may be called at once. Borrows transport and settings.
class Authorizer {
 public:
  Authorizer(HttpTransport& transport, RegistrySettings& settings, Retrier retrier)
      : transport_(transport), settings_(settings), retrier_(std::move(retrier)) {}

  /// What is asked for: `actions` is "pull", "pull,push".
  struct Need {
    Origin registry;
    Endpoint endpoint;
    std::string actions = "pull";
    std::string scope() const { return "repository:" + endpoint.repository + ":" + actions; }
  };
  /// The Authorization header to send with the next request; nullopt while none is known to be needed.
  std::optional<std::string> find_header(const Need& need) const;
  /// After a 401: gets what `find_header` will give. False when there is nothing new to say. Throws Error(denied) when
  /// the token service refuses or may not be asked, transport errors, helpers' errors.
  bool answer(const Need& need, const ResponseHead& unauthorized, std::stop_token stop);

 private:
  using BasicKey = std::pair<Origin, std::string>;  // registry, repository: auth.json may know paths
  struct State {
    std::map<Origin, Challenge> challenges;
    std::map<BasicKey, std::string> basic;
    TokenCache tokens;
  };
  TokenKey key_for(const Need& need, const BearerChallenge& challenge) const;
  bool answer_basic(const Need& need);
  bool answer_bearer(const Need& need, const BearerChallenge& challenge, std::optional<AddressClass> peer,
                     std::stop_token stop);
  std::optional<Credential> credential_for(const Need& need, const Origin& service);
  Token fetch_token(const HttpRequest& request, std::stop_token stop);

  HttpTransport& transport_;
  RegistrySettings& settings_;
  Retrier retrier_;
  Guarded<State> state_;
};

}  // namespace imgb
