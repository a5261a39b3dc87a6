#include "registry/login.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/reference.h"
#include "registry/credential_helper.h"
#include "registry/host_file.h"
#include "registry/requests.h"
#include "registry/retrier.h"
#include "registry/session.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;

/// The user's settings, but for the credential that is to be tried.
class TypedCredential : public RegistrySettings {
 public:
  TypedCredential(RegistrySettings& rest, std::string registry, Credential credential)
      : rest_(rest), registry_(std::move(registry)), credential_(std::move(credential)) {}
  const RegistriesConf& registries() override { return rest_.registries(); }
  TlsOptions tls_for(const std::string& authority) override { return rest_.tls_for(authority); }
  std::optional<Credential> find_credential(const std::string& registry, const std::string& repository) override {
    if (registry != registry_) return rest_.find_credential(registry, repository);
    asked_ = true;
    return credential_;
  }
  bool was_asked() const { return asked_; }

 private:
  RegistrySettings& rest_;
  std::string registry_;
  Credential credential_;
  bool asked_ = false;
};

bool is_docker_config(const fs::path& path) { return path.filename() == "config.json"; }

}  // namespace

LoginTarget LoginTarget::parse(std::string_view text) {
  std::string_view rest = text;
  for (std::string_view scheme : {"https://", "http://"})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  for (std::string_view end : {"/v1/", "/v2/", "/v1", "/v2", "/"})
    if (rest.ends_with(end)) {
      rest.remove_suffix(end.size());
      break;
    }
  if (rest == "index.docker.io" || rest == "registry-1.docker.io") rest = "docker.io";
  std::size_t slash = rest.find('/');
  LoginTarget target{std::string(rest.substr(0, slash)),
                     slash == std::string_view::npos ? "" : std::string(rest.substr(slash + 1))};
  // As a reference sees it: "team/app" is no registry but a repository of Docker Hub.
  auto name = Reference::find(target.str() + "/x");
  if (target.registry.empty() || !name || name->domain() != target.registry)
    throw Error(ErrorKind::usage, fmt::format("{:?} is no registry", printable(text, 256)))
        .set_hint("a registry is written as host[:port], such as quay.io or localhost:5000");
  return target;
}

bool check_credential(HttpTransport& transport, RegistrySettings& settings, const LoginTarget& target,
                      const Credential& credential, const std::stop_token& stop) {
  Endpoint endpoint = endpoints_for(Reference::parse(target.registry + "/x/y"), settings.registries()).back();
  TypedCredential typed(settings, endpoint.location, credential);
  Authorizer authorizer(transport, typed);
  Session session(transport, typed, authorizer);
  endpoint.repository.clear();
  auto attempt = [&](int&) { session.send(endpoint, Session::Call{}, no_body(), stop); };
  in_context([&] { return "log in to " + target.registry; },
             [&] { Retrier(RetryLimits{.max_attempts = 3}).run(attempt, stop); });
  return typed.was_asked();
}

AuthFilePlace choose_auth_file(const SettingsPlaces& places, const LoginTarget& target) {
  for (const fs::path& path : places.auth_files) {
    auto file = find_host_file(path);
    if (file && knows_registry(file->content, path.string(), target.registry, target.path))
      return {path, is_docker_config(path)};
  }
  if (places.auth_files.empty()) throw_error(ErrorKind::system, "there is no place for credentials: HOME is not set");
  return {places.auth_files.front(), is_docker_config(places.auth_files.front())};
}

std::string store_credential(const AuthFilePlace& place, const LoginTarget& target, const Credential& credential) {
  if (auto file = find_host_file(place.path)) {
    if (auto helper = find_helper(file->content, place.path.string(), target.registry, target.path)) {
      store_by_helper(*helper, credential);
      return "docker-credential-" + helper->helper;
    }
  }
  change_host_file(place.path, [&](const std::optional<std::string>& content) {
    return with_credential(content.value_or(""), place.path.string(), target.registry, target.path, credential,
                           place.docker_style);
  });
  return place.path.string();
}

std::vector<std::string> erase_credential(const std::vector<fs::path>& files, const LoginTarget& target) {
  std::vector<std::string> where;
  for (const fs::path& path : files) {
    auto file = find_host_file(path);
    if (!file) continue;
    if (auto helper = find_helper(file->content, path.string(), target.registry, target.path);
        helper && ask_helper(*helper)) {
      erase_by_helper(*helper);
      where.push_back("docker-credential-" + helper->helper);
    }
    if (!without_credential(file->content, path.string(), target.registry, target.path)) continue;
    change_host_file(path, [&](const std::optional<std::string>& content) {
      std::string now = content.value_or("{}");
      return without_credential(now, path.string(), target.registry, target.path).value_or(now);
    });
    where.push_back(path.string());
  }
  return where;
}

std::vector<LoginTarget> list_logins(const std::vector<fs::path>& files) {
  std::vector<LoginTarget> targets;
  for (const fs::path& path : files) {
    auto file = find_host_file(path);
    if (!file) continue;
    for (const std::string& key : credential_keys(file->content, path.string())) {
      LoginTarget target = LoginTarget::parse(key);
      bool known = std::ranges::any_of(targets, [&](const LoginTarget& other) { return other.str() == target.str(); });
      if (!known) targets.push_back(std::move(target));
    }
  }
  return targets;
}

}  // namespace imgb
