#include "registry/auth_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/base64.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

using nlohmann::json;
constexpr std::size_t kMaxAuthFileBytes = 4ull * 1024 * 1024;
constexpr std::string_view kHubKey = "https://index.docker.io/v1/";

bool is_hub(std::string_view registry) {
  return registry == "docker.io" || registry == "index.docker.io" || registry == "registry-1.docker.io";
}

/// Keys under which the file may know the registry, best first.
std::vector<std::string> keys_for(std::string_view registry, std::string_view repository) {
  std::vector<std::string> keys;
  std::string host = is_hub(registry) ? "docker.io" : std::string(registry);
  for (std::string path(repository); !path.empty();) {
    keys.push_back(fmt::format("{}/{}", host, path));
    std::size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
  keys.push_back(host);
  if (is_hub(registry)) {
    keys.insert(keys.end(), {std::string(kHubKey), "index.docker.io", "registry-1.docker.io"});
  }
  return keys;
}

/// "https://example.com/v2/" was how Docker wrote "example.com". Paths without a scheme are auth.json's namespaces.
std::string normal_key(const std::string& key) {
  if (key == kHubKey) return key;
  for (std::string_view scheme : {"https://", "http://"}) {
    if (!key.starts_with(scheme)) continue;
    std::string rest = key.substr(scheme.size());
    return rest.substr(0, rest.find('/'));
  }
  return key;
}

const json* find_object(const json& in, const char* name) {
  auto found = in.find(name);
  return found != in.end() && found->is_object() ? &*found : nullptr;
}

std::string text_of(const json& in, const char* name) {
  auto found = in.find(name);
  return found != in.end() && found->is_string() ? found->get<std::string>() : "";
}

AskHelper ask(std::string helper, std::string server, std::string_view what) {
  bool good = !helper.empty() && std::all_of(helper.begin(), helper.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!good) {
    throw_error(ErrorKind::input, "{}: {:?} is not the name of a credential helper", what, printable(helper, 64));
  }
  return {std::move(helper), std::move(server)};
}

std::optional<Credential> find_entry(const json& entry, const std::string& key, std::string_view what) {
  if (!entry.is_object()) return std::nullopt;
  Credential out;
  out.identity_token = text_of(entry, "identitytoken");
  out.user = text_of(entry, "username");
  out.secret = text_of(entry, "password");
  if (std::string auth = text_of(entry, "auth"); !auth.empty()) {
    auto decoded = decode_base64(auth);
    std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) {
      throw_error(ErrorKind::input, "{}: auth of {:?} is not base64 of user:password", what, printable(key, 128));
    }
    out.user = decoded->substr(0, colon);
    out.secret = decoded->substr(colon + 1);
    while (out.secret.ends_with('\0')) out.secret.pop_back();
  }
  if (out.identity_token.empty() && out.user.empty()) return std::nullopt;
  return out;
}

void add_entries(const json& auths, const std::vector<std::string>& keys, std::string_view what,
                 std::vector<CredentialStep>& steps) {
  for (const std::string& key : keys) {
    for (const auto& [name, entry] : auths.items()) {
      if (normal_key(name) != key) continue;
      if (auto credential = find_entry(entry, name, what)) steps.emplace_back(std::move(*credential));
    }
  }
}

json parse_file(std::string_view text, std::string_view what) {
  json file;
  try {
    file = parse_json(text, kMaxAuthFileBytes, what);
  } catch (const Error& e) {
    throw Error(ErrorKind::input, e.message());  // the user's file, not something to fetch again
  }
  if (!file.is_object()) throw_error(ErrorKind::input, "{}: not a JSON object", what);
  return file;
}

}  // namespace

std::vector<CredentialStep> credential_steps(std::string_view text, std::string_view what, std::string_view registry,
                                             std::string_view repository) {
  json file = parse_file(text, what);
  std::vector<CredentialStep> steps;
  auto keys = keys_for(registry, repository);
  std::string server = is_hub(registry) ? std::string(kHubKey) : std::string(registry);
  if (const json* helpers = find_object(file, "credHelpers")) {
    for (const std::string& key : keys) {
      if (std::string name = text_of(*helpers, key.c_str()); !name.empty()) {
        steps.emplace_back(ask(name, is_hub(registry) ? server : key, what));
        return steps;  // a helper named for this registry is the only one asked
      }
    }
  }
  if (std::string store = text_of(file, "credsStore"); !store.empty()) steps.emplace_back(ask(store, server, what));
  if (const json* auths = find_object(file, "auths")) add_entries(*auths, keys, what, steps);
  return steps;
}

namespace {

using ordered = nlohmann::ordered_json;

/// All names that mean exactly this.
std::vector<std::string> exact_keys(std::string_view registry, std::string_view path) {
  if (!path.empty()) return {fmt::format("{}/{}", is_hub(registry) ? "docker.io" : registry, path)};
  return keys_for(registry, "");
}

bool is_one_of(const std::string& key, const std::vector<std::string>& keys) {
  return std::ranges::find(keys, normal_key(key)) != keys.end();
}

/// As it is written, keys in their order.
ordered parse_in_order(std::string_view text, std::string_view what) {
  if (trim(text).empty()) return ordered::object();
  parse_file(text, what);
  return ordered::parse(text);
}

/// Takes the entries out of one part of the file; whether there was one.
bool erase_keys(ordered& file, const char* part, const std::vector<std::string>& keys) {
  auto found = file.find(part);
  if (found == file.end() || !found->is_object()) return false;
  ordered kept = ordered::object();
  for (const auto& [key, entry] : found->items())
    if (!is_one_of(key, keys)) kept[key] = entry;
  bool erased = kept.size() != found->size();
  *found = std::move(kept);
  return erased;
}

std::string render_file(const ordered& file) { return file.dump(1, '\t') + "\n"; }

}  // namespace

std::optional<AskHelper> find_helper(std::string_view text, std::string_view what, std::string_view registry,
                                     std::string_view path) {
  json file = parse_file(text, what);
  std::string server = is_hub(registry) ? std::string(kHubKey) : std::string(registry);
  if (const json* helpers = find_object(file, "credHelpers"))
    for (const std::string& key : exact_keys(registry, path))
      if (std::string name = text_of(*helpers, key.c_str()); !name.empty())
        return ask(name, is_hub(registry) ? server : key, what);
  if (std::string store = text_of(file, "credsStore"); !store.empty() && path.empty()) return ask(store, server, what);
  return std::nullopt;
}

bool knows_registry(std::string_view text, std::string_view what, std::string_view registry, std::string_view path) {
  if (find_helper(text, what, registry, path)) return true;
  json file = parse_file(text, what);
  const json* auths = find_object(file, "auths");
  if (!auths) return false;
  auto keys = exact_keys(registry, path);
  return std::ranges::any_of(auths->items(), [&](const auto& entry) { return is_one_of(entry.key(), keys); });
}

std::string with_credential(std::string_view text, std::string_view what, std::string_view registry,
                            std::string_view path, const Credential& credential, bool docker_style) {
  ordered file = parse_in_order(text, what);
  erase_keys(file, "auths", exact_keys(registry, path));
  ordered entry;
  entry["auth"] = encode_base64(credential.user + ":" + credential.secret);
  if (!credential.identity_token.empty()) entry["identitytoken"] = credential.identity_token;
  bool hub = is_hub(registry) && path.empty();
  std::string key = hub && docker_style ? std::string(kHubKey) : exact_keys(registry, path).front();
  file["auths"][key] = std::move(entry);
  return render_file(file);
}

std::optional<std::string> without_credential(std::string_view text, std::string_view what, std::string_view registry,
                                              std::string_view path) {
  ordered file = parse_in_order(text, what);
  if (!erase_keys(file, "auths", exact_keys(registry, path))) return std::nullopt;
  return render_file(file);
}

std::vector<std::string> credential_keys(std::string_view text, std::string_view what) {
  json file = parse_file(text, what);
  std::vector<std::string> keys;
  for (const char* part : {"auths", "credHelpers"})
    if (const json* entries = find_object(file, part))
      for (const auto& [key, entry] : entries->items()) keys.push_back(key);
  return keys;
}

bool says_no_credential(std::string_view out) {
  return trim(out) == "credentials not found in native keychain" || out.find("no credentials") != out.npos ||
         out.find("credentials not found") != out.npos;
}

std::optional<Credential> parse_helper_answer(std::string_view out) {
  json answer;
  try {
    answer = parse_json(out, 1 << 20, "answer of the helper");
  } catch (const Error&) {
    throw_error(ErrorKind::input, "its answer is not JSON");  // the answer may hold the secret: it is not shown
  }
  if (!answer.is_object()) throw_error(ErrorKind::input, "its answer is not a JSON object");
  Credential credential{text_of(answer, "Username"), text_of(answer, "Secret"), ""};
  if (credential.secret.empty()) return std::nullopt;
  if (credential.user == "<token>") return Credential{"", "", credential.secret};
  return credential;
}

}  // namespace imgb
