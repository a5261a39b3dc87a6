#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "registry/auth_file.h"
#include "registry/curl_transport.h"
#include "registry/http.h"
#include "registry/registries_conf.h"

namespace imgb {

/// What the user's machine says about registries. Threads: all functions may be called at once.
class RegistrySettings {
 public:
  virtual ~RegistrySettings() = default;
  virtual const RegistriesConf& registries() = 0;
  /// nullopt: anonymous. A helper that fails is an error, never another registry's credential (V67).
  virtual std::optional<Credential> find_credential(const std::string& registry, const std::string& repository) = 0;
  virtual TlsOptions tls_for(const std::string& authority) = 0;  ///< From certs.d.
};

using Environment = std::map<std::string, std::string>;
Environment environment_of_process();

/// Where the ecosystem keeps its files. Earlier entries win for auth files and certificate folders, later ones for
/// drop-in folders of registries.conf.
struct SettingsPlaces {
  std::vector<std::filesystem::path> registries_conf;  ///< The first that is there counts.
  bool registries_conf_required = false;               ///< The user named it: it must be there.
  std::vector<std::filesystem::path> registries_conf_folders;
  std::vector<std::filesystem::path> auth_files;
  std::vector<std::filesystem::path> certificate_folders;
};
/// Pure. REGISTRY_AUTH_FILE, CONTAINERS_REGISTRIES_CONF, DOCKER_CONFIG, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, HOME.
SettingsPlaces settings_places(const Environment& env, unsigned uid);
/// Pure. Proxies and SSL_CERT_FILE, SSL_CERT_DIR.
TransportOptions transport_options(const Environment& env);

/// Reads the files when first asked, each once. `warn` hears of an auth file that others can read (V68).
class FileSettings : public RegistrySettings {
 public:
  FileSettings(SettingsPlaces places, std::function<void(std::string)> warn);
  ~FileSettings() override;
  const RegistriesConf& registries() override;
  std::optional<Credential> find_credential(const std::string& registry, const std::string& repository) override;
  TlsOptions tls_for(const std::string& authority) override;

 private:
  struct AuthFile {
    std::string name, content;
  };
  const std::vector<AuthFile>& auth_files();
  const SettingsPlaces places_;
  const std::function<void(std::string)> warn_;
  std::once_flag conf_once_, auth_once_;
  RegistriesConf conf_;
  std::vector<AuthFile> auth_;
};

}  // namespace imgb
