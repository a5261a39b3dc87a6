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

// Changing such a file. `registry` and `path` are what a user logs in to; keys match as above, but exactly: what is
// said of a registry is not said of a part of it. All throw as credential_steps(); content that is no JSON is never
// lost.

/// Whether the file has an entry for it, or a helper for it or for everything.
bool knows_registry(std::string_view json, std::string_view what, std::string_view registry, std::string_view path);
/// Who keeps the registry's credentials instead of the file.
std::optional<AskHelper> find_helper(std::string_view json, std::string_view what, std::string_view registry,
                                     std::string_view path);
/// The file with the credential in place of what it said; everything else as it was. An empty text is a new file.
std::string with_credential(std::string_view json, std::string_view what, std::string_view registry,
                            std::string_view path, const Credential& credential, bool docker_style);
/// nullopt: it says nothing of it.
std::optional<std::string> without_credential(std::string_view json, std::string_view what, std::string_view registry,
                                              std::string_view path);
/// What it has entries and helpers for.
std::vector<std::string> credential_keys(std::string_view json, std::string_view what);

/// What docker-credential-X printed. nullopt: it has none. Error(input) on other output.
std::optional<Credential> parse_helper_answer(std::string_view out);
/// True for the output with which helpers say that they have nothing for a server.
bool says_no_credential(std::string_view out);

}  // namespace imgb
