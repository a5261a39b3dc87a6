#pragma once
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/task.h"
#include "registry/challenge.h"
#include "registry/credential_policy.h"
#include "registry/registries_conf.h"
#include "registry/registry_error.h"
#include "registry/settings.h"
#include "registry/token.h"

namespace imgb {

/// Answers registries' challenges: Basic, and Bearer by way of their token services, with the credentials that the
/// policy lets go there (credential_policy.h). Remembers challenges and tokens, so that a registry says 401 once. Does
/// not try again: a token service that fails is a failed attempt of the request that needs the token.
/// Threads: all functions may be called at once. Borrows transport and settings.
class Authorizer {
 public:
  Authorizer(HttpTransport& transport, RegistrySettings& settings) : transport_(transport), settings_(settings) {}

  /// What is asked for: `actions` is "pull", "pull,push".
  struct Need {
    Origin registry;
    Endpoint endpoint;
    std::string actions = "pull";
    std::string also_from = {};  ///< A repository to be pulled from at the same time.
    std::string scope() const;   ///< One or two, with a space between them.
  };
  /// The Authorization header to send with the next request; nullopt while none is known to be needed.
  std::optional<std::string> find_header(const Need& need) const;
  /// After a 401: gets what `find_header` will give. False when there is nothing new to say. Throws Error(denied) when
  /// the token service refuses or may not be asked, transport errors, helpers' errors.
  bool answer(const Need& need, const ResponseHead& unauthorized, std::stop_token stop);
  /// For an answer of 401 or 403: what the user can do about it.
  void add_hint(RegistryError& error, const Need& need) const;

 private:
  using RepositoryKey = std::pair<Origin, std::string>;  // registry, repository: auth.json may know paths
  struct Standing {
    Introduction introduction;
    std::string service;  // the one that was asked
  };
  struct State {
    std::map<Origin, Challenge> challenges;
    std::map<RepositoryKey, std::string> basic;
    std::map<RepositoryKey, Standing> standings;
    TokenCache tokens;
  };
  TokenKey key_for(const Need& need, const BearerChallenge& challenge) const;
  bool answer_basic(const Need& need);
  bool answer_bearer(const Need& need, const BearerChallenge& challenge, std::optional<AddressClass> peer,
                     std::stop_token stop);
  std::optional<Credential> credential_for(const Need& need, const Origin& service);
  TlsOptions tls_for(const Need& need, const Origin& service);
  void note(const Need& need, Introduction introduction, std::string service);
  Token fetch_token(const HttpRequest& request, const Need& need, std::stop_token stop);

  HttpTransport& transport_;
  RegistrySettings& settings_;
  Guarded<State> state_;
};

}  // namespace imgb
