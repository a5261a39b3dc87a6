#include "registry/registries_conf.h"

#include <toml++/toml.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/url.h"

namespace imgb {
namespace {

MirrorRule::For pulls_of(std::string_view text, std::string_view what) {
  if (text.empty() || text == "all") return MirrorRule::For::all;
  if (text == "digest-only") return MirrorRule::For::digest_only;
  if (text == "tag-only") return MirrorRule::For::tag_only;
  throw_error(ErrorKind::input, "{}: pull-from-mirror is {:?}, not all, digest-only or tag-only", what,
              printable(text, 64));
}

std::string location_of(std::string_view text, std::string_view what) {
  std::string out(trim(text));
  if (out.find("://") != std::string::npos) {
    throw_error(ErrorKind::input, "{}: location {:?} must be a host and path, without http://", what,
                printable(out, 128));
  }
  while (out.ends_with('/')) out.pop_back();
  return out;
}

MirrorRule read_mirror(const toml::table& table, std::string_view what) {
  MirrorRule mirror;
  mirror.location = location_of(table["location"].value_or(std::string()), what);
  if (mirror.location.empty()) throw_error(ErrorKind::input, "{}: a mirror without a location", what);
  mirror.insecure = table["insecure"].value_or(false);
  mirror.pulls = pulls_of(table["pull-from-mirror"].value_or(std::string()), what);
  return mirror;
}

RegistryRule read_rule(const toml::table& table, std::string_view what) {
  RegistryRule rule;
  rule.location = location_of(table["location"].value_or(std::string()), what);
  rule.prefix = location_of(table["prefix"].value_or(std::string()), what);
  if (rule.prefix.empty()) rule.prefix = rule.location;
  if (rule.prefix.empty()) throw_error(ErrorKind::input, "{}: a registry without prefix or location", what);
  if (rule.prefix.starts_with("*.") && !rule.location.empty()) {
    throw_error(ErrorKind::input, "{}: {}: a prefix with * takes no location", what, rule.prefix);
  }
  rule.insecure = table["insecure"].value_or(false);
  rule.blocked = table["blocked"].value_or(false);
  rule.mirrors_by_digest_only = table["mirror-by-digest-only"].value_or(false);
  if (auto* mirrors = table["mirror"].as_array()) {
    for (const toml::node& node : *mirrors) {
      if (auto* mirror = node.as_table()) rule.mirrors.push_back(read_mirror(*mirror, what));
    }
  }
  return rule;
}

/// How many bytes of `name` the prefix covers; nullopt when the name is not under it.
std::optional<std::size_t> find_match(std::string_view prefix, std::string_view name) {
  std::size_t end;
  if (prefix.starts_with("*.")) {
    std::string_view tail = prefix.substr(1);
    std::size_t at = name.find(tail);
    if (at == std::string_view::npos || at == 0 || name.substr(0, at).find('/') != std::string_view::npos) {
      return std::nullopt;
    }
    end = at + tail.size();
  } else {
    if (!name.starts_with(prefix)) return std::nullopt;
    end = prefix.size();
  }
  if (end == name.size() || name[end] == '/' || name[end] == ':' || name[end] == '@') return end;
  return std::nullopt;
}

Endpoint endpoint_at(std::string_view location_and_path, bool insecure, bool mirror) {
  Endpoint out;
  std::size_t slash = location_and_path.find('/');
  out.location = location_and_path.substr(0, slash);
  if (slash != std::string_view::npos) out.repository = location_and_path.substr(slash + 1);
  bool hub = out.location == "docker.io" || out.location == "index.docker.io";
  out.authority = hub ? "registry-1.docker.io" : out.location;
  out.insecure = insecure;
  out.mirror = mirror;
  if (!find_origin("https", out.authority) || out.repository.empty()) {
    throw_error(ErrorKind::input, "registries.conf: {:?} is not a registry's location",
                printable(location_and_path, 256));
  }
  return out;
}

bool serves(const MirrorRule& mirror, const RegistryRule& rule, const Reference& name) {
  bool by_digest = name.digest().has_value();
  if (rule.mirrors_by_digest_only || mirror.pulls == MirrorRule::For::digest_only) return by_digest;
  return mirror.pulls == MirrorRule::For::all || !by_digest;
}

}  // namespace

void RegistriesConf::add(std::string_view text, std::string_view what) {
  toml::table file;
  try {
    file = toml::parse(text);
  } catch (const toml::parse_error& e) {
    throw_error(ErrorKind::input, "{}:{}: {}", what, e.source().begin.line, e.description());
  }
  auto* registries = file["registry"].as_array();
  if (!registries) return;
  for (const toml::node& node : *registries) {
    auto* table = node.as_table();
    if (!table) continue;
    RegistryRule rule = read_rule(*table, what);
    auto same = std::find_if(rules_.begin(), rules_.end(), [&](auto& r) { return r.prefix == rule.prefix; });
    if (same == rules_.end()) {
      rules_.push_back(std::move(rule));
    } else {
      *same = std::move(rule);
    }
  }
}

const RegistryRule* RegistriesConf::find(const Reference& name) const {
  std::string text = name.canonical();
  const RegistryRule* best = nullptr;
  for (const RegistryRule& rule : rules_) {
    if (!find_match(rule.prefix, text)) continue;
    if (!best || rule.prefix.size() > best->prefix.size()) best = &rule;
  }
  return best;
}

Endpoint direct_endpoint(const Reference& name) { return endpoint_at(name.name(), false, false); }

std::vector<Endpoint> endpoints_for(const Reference& name, const RegistriesConf& conf) {
  const RegistryRule* rule = conf.find(name);
  if (!rule) return {direct_endpoint(name)};
  if (rule->blocked) {
    throw_error(ErrorKind::denied, "{}: registries.conf blocks {}", name.familiar(), rule->prefix);
  }
  std::string path = name.name();
  // A prefix may reach into the tag; what lies past the repository changes nothing about where it is.
  std::size_t covered = std::min(*find_match(rule->prefix, name.canonical()), path.size());
  std::string rest = path.substr(covered);
  std::vector<Endpoint> out;
  for (const MirrorRule& mirror : rule->mirrors) {
    if (serves(mirror, *rule, name)) out.push_back(endpoint_at(mirror.location + rest, mirror.insecure, true));
  }
  std::string origin = rule->location.empty() ? path : rule->location + rest;
  out.push_back(endpoint_at(origin, rule->insecure, false));
  return out;
}

}  // namespace imgb
