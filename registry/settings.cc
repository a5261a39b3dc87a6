#include "registry/settings.h"

#include <unistd.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/credential_helper.h"
#include "registry/host_file.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;

std::string value(const Environment& env, const std::string& name) {
  auto found = env.find(name);
  return found == env.end() ? "" : found->second;
}

bool holds_secret(std::string_view content) {
  for (std::string_view key : {"\"auth\"", "\"password\"", "\"identitytoken\""}) {
    if (content.find(key) != std::string_view::npos) return true;
  }
  return false;
}

std::vector<fs::path> files_in(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (entry.path().extension() == extension) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

Environment environment_of_process() {
  Environment out;
  for (char** entry = environ; entry && *entry; ++entry) {
    std::string_view text(*entry);
    std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

SettingsPlaces settings_places(const Environment& env, unsigned uid) {
  fs::path home = value(env, "HOME");
  fs::path config = value(env, "XDG_CONFIG_HOME");
  if (config.empty() && !home.empty()) config = home / ".config";
  SettingsPlaces out;
  if (auto chosen = value(env, "CONTAINERS_REGISTRIES_CONF"); !chosen.empty()) {
    out.registries_conf = {chosen};
    out.registries_conf_required = true;
  } else {
    if (!config.empty()) out.registries_conf.push_back(config / "containers/registries.conf");
    out.registries_conf.push_back("/etc/containers/registries.conf");
  }
  out.registries_conf_folders.push_back("/etc/containers/registries.conf.d");
  if (!config.empty()) out.registries_conf_folders.push_back(config / "containers/registries.conf.d");

  if (auto chosen = value(env, "REGISTRY_AUTH_FILE"); !chosen.empty()) {
    out.auth_files = {chosen};
  } else {
    fs::path runtime = value(env, "XDG_RUNTIME_DIR");
    out.auth_files.push_back(runtime.empty() ? fs::path("/run/containers") / std::to_string(uid) / "auth.json"
                                             : runtime / "containers/auth.json");
    if (!config.empty()) out.auth_files.push_back(config / "containers/auth.json");
    if (auto docker = value(env, "DOCKER_CONFIG"); !docker.empty()) {
      out.auth_files.push_back(fs::path(docker) / "config.json");
    } else if (!home.empty()) {
      out.auth_files.push_back(home / ".docker/config.json");
    }
  }
  if (!config.empty()) out.certificate_folders.push_back(config / "containers/certs.d");
  out.certificate_folders.insert(out.certificate_folders.end(), {"/etc/containers/certs.d", "/etc/docker/certs.d"});
  return out;
}

TransportOptions transport_options(const Environment& env) {
  auto either = [&](const std::string& lower, const std::string& upper) {
    std::string found = value(env, lower);
    return found.empty() ? value(env, upper) : found;
  };
  TransportOptions out;
  // A web server passes the header "Proxy:" to its programs as HTTP_PROXY: never believed there (httpoxy).
  out.proxies.http =
      value(env, "REQUEST_METHOD").empty() ? either("http_proxy", "HTTP_PROXY") : value(env, "http_proxy");
  out.proxies.https = either("https_proxy", "HTTPS_PROXY");
  out.proxies.no_proxy = either("no_proxy", "NO_PROXY");
  out.ca_file = value(env, "SSL_CERT_FILE");
  out.ca_folder = value(env, "SSL_CERT_DIR");
  return out;
}

FileSettings::FileSettings(SettingsPlaces places, std::function<void(std::string)> warn)
    : places_(std::move(places)), warn_(std::move(warn)) {}
FileSettings::~FileSettings() = default;

const RegistriesConf& FileSettings::registries() {
  std::call_once(conf_once_, [&] {
    RegistriesConf conf;
    bool found = false;
    for (const fs::path& path : places_.registries_conf) {
      auto file = found ? std::nullopt : find_host_file(path);
      if (file) conf.add(file->content, path.string());
      found = found || file;
    }
    if (!found && places_.registries_conf_required) {
      throw_error(ErrorKind::input, "{}, which CONTAINERS_REGISTRIES_CONF names, is not there",
                  places_.registries_conf.front().string());
    }
    for (const fs::path& folder : places_.registries_conf_folders) {
      for (const fs::path& path : files_in(folder, ".conf")) {
        if (auto drop_in = find_host_file(path)) conf.add(drop_in->content, path.string());
      }
    }
    conf_ = std::move(conf);
  });
  return conf_;
}

const std::vector<FileSettings::AuthFile>& FileSettings::auth_files() {
  std::call_once(auth_once_, [&] {
    for (const fs::path& path : places_.auth_files) {
      auto file = find_host_file(path);
      if (!file) continue;
      if ((file->mode & 077) != 0 && warn_ && holds_secret(file->content)) {
        warn_(fmt::format("{} holds passwords and others may read it: chmod 600 {}", path.string(), path.string()));
      }
      auth_.push_back({path.string(), std::move(file->content)});
    }
  });
  return auth_;
}

std::optional<Credential> FileSettings::find_credential(const std::string& registry, const std::string& repository) {
  for (const AuthFile& file : auth_files()) {
    for (const CredentialStep& step : credential_steps(file.content, file.name, registry, repository)) {
      if (auto* known = std::get_if<Credential>(&step)) return *known;
      if (auto answer = ask_helper(std::get<AskHelper>(step))) return answer;
    }
  }
  return std::nullopt;
}

TlsOptions FileSettings::tls_for(const std::string& authority) {
  for (const fs::path& base : places_.certificate_folders) {
    fs::path folder = base / authority;
    std::error_code none;
    if (!fs::is_directory(folder, none)) continue;
    TlsOptions out;
    for (const fs::path& file : files_in(folder, ".crt")) out.extra_ca_files.push_back(file.string());
    for (fs::path& file : files_in(folder, ".cert")) {
      out.client_certificate_file = file.string();
      out.client_key_file = file.replace_extension(".key").string();
      if (!fs::exists(out.client_key_file, none)) {
        throw_error(ErrorKind::input, "{} is there without its key {}", out.client_certificate_file,
                    out.client_key_file);
      }
    }
    return out;
  }
  return {};
}

}  // namespace imgb
