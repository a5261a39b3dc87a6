#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace imgb {

/// Proves who we are to one registry. Never printed, never part of a message.
struct Credential {
  std::string user, secret;
  std::string identity_token;  ///< Instead of both: an OAuth2 refresh token.
  friend bool operator==(const Credential&, const Credential&) = default;
};

/// Ask this helper, for this server.
struct AskHelper {
  std::string helper;  ///< "pass": the program docker-credential-pass. Checked: [a-z0-9-]+ (V68).
  std::string server;
  friend bool operator==(const AskHelper&, const AskHelper&) = default;
};
using CredentialStep = std::variant<Credential, AskHelper>;

/// What an auth.json or config.json says about an image, best first: the first step that yields a credential decides.
/// Keys match exactly and whole: "example.com" says nothing about "example.com.evil" or "example.com:5000" (V67).
///
/// `registry` is the host as named ("docker.io", "localhost:5000"), `repository` the path; auth.json has keys for paths
/// as well, most specific first (containers-auth.json(5)). Docker Hub is also "https://index.docker.io/v1/". Pure.
/// Error(input) names `what` on bad JSON, a bad helper name, bad base64; the secret is not shown.
std::vector<CredentialStep> credential_steps(std::string_view json, std::string_view what, std::string_view registry,
                                             std::string_view repository);

/// What docker-credential-X printed. nullopt: it has none. Error(input) on other output.
std::optional<Credential> parse_helper_answer(std::string_view out);
/// True for the output with which helpers say that they have nothing for a server.
bool says_no_credential(std::string_view out);

}  // namespace imgb
