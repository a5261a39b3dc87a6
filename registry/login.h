#pragma once
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "registry/http.h"
#include "registry/settings.h"

namespace imgb {

/// What a user logs in to: a registry, or a part of one ("quay.io/team"), as auth files name it.
struct LoginTarget {
  std::string registry;  ///< "docker.io", "localhost:5000"
  std::string path;      ///< Most often empty.
  /// Takes "https://" and a trailing "/" or "/v1/" off; Error(usage) on what is no registry.
  static LoginTarget parse(std::string_view text);
  std::string str() const { return path.empty() ? registry : registry + "/" + path; }
};

/// Asks the registry whether the credential is right: Error(denied) when not. False: it asks nobody for any.
bool check_credential(HttpTransport& transport, RegistrySettings& settings, const LoginTarget& target,
                      const Credential& credential, const std::stop_token& stop);

/// Which file to write, and in whose words.
struct AuthFilePlace {
  std::filesystem::path path;
  bool docker_style = false;  ///< A Docker config calls Docker Hub "https://index.docker.io/v1/".
};
/// The first of the files that know the registry (an entry, a helper for it, or a store for all), else the first there
/// may be. Reads them.
AuthFilePlace choose_auth_file(const SettingsPlaces& places, const LoginTarget& target);

/// Writes it there, or hands it to the helper that the file names for the registry. Returns where it is now, for
/// people: the file, or the helper.
std::string store_credential(const AuthFilePlace& place, const LoginTarget& target, const Credential& credential);
/// Takes it out of each of the files, and from their helpers. Returns where it was.
std::vector<std::string> erase_credential(const std::vector<std::filesystem::path>& files, const LoginTarget& target);
/// Everything that the files hold for any registry.
std::vector<LoginTarget> list_logins(const std::vector<std::filesystem::path>& files);

}  // namespace imgb
