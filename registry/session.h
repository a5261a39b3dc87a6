#pragma once
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "core/base/task.h"
#include "registry/authorizer.h"
#include "registry/http.h"
#include "registry/registries_conf.h"
#include "registry/settings.h"

namespace imgb {

/// One attempt to get one thing from one registry: scheme, authorisation, redirects and errors are dealt with, retries
/// are not. Threads: all functions may be called at once. Borrows all it is given.
class Session {
 public:
  Session(HttpTransport& transport, RegistrySettings& settings, Authorizer& authorizer)
      : transport_(transport), settings_(settings), authorizer_(authorizer) {}

  struct Referral {
    std::string location;  ///< The header's value.
    std::optional<AddressClass> namer;
    std::string query = {};  ///< To add: "digest=...".
  };
  struct Call {
    std::string method = "GET";
    std::string path;  ///< Below /v2/<repository>: "/manifests/latest"
    Headers headers;
    std::string actions = "pull";
    std::string also_from = {};  ///< Another repository of the registry, to be pulled from in the same request.
    std::optional<std::string> body = {};
    std::optional<Upload> upload = {};
    /// Instead of the path: where an earlier answer of the registry sent us. Another server gets no credential.
    std::optional<Referral> referral = {};
  };
  /// `on_head` hears of 2xx answers, and 416, alone. Any other status throws RegistryError; no answer, TransportError.
  ResponseHead send(const Endpoint& endpoint, const Call& call, const HttpTransport::OnHead& on_head,
                    const std::stop_token& stop);

 private:
  struct Contact {
    std::string scheme;
    bool heard = false;  ///< An answer came that fits the scheme.
  };
  ResponseHead send_by(Contact& contact, const Endpoint& endpoint, const Call& call,
                       const HttpTransport::OnHead& on_head, const std::stop_token& stop);
  ResponseHead find_out(const Endpoint& endpoint, const Call& call, const HttpTransport::OnHead& on_head,
                        const std::stop_token& stop);
  HttpRequest request_for(const std::string& scheme, const Endpoint& endpoint, const Call& call);

  HttpTransport& transport_;
  RegistrySettings& settings_;
  Authorizer& authorizer_;
  Guarded<std::map<std::string, std::string>> schemes_;  ///< By authority, for those that may speak plain HTTP.
};

}  // namespace imgb
