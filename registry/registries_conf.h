#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/reference.h"

namespace imgb {

/// containers-registries.conf(5), version 2. Short names mean docker.io, as in Docker, so the search list is not used.
struct MirrorRule {
  std::string location;  ///< host[:port][/path]
  bool insecure = false;
  enum class For { all, digest_only, tag_only } pulls = For::all;
  friend bool operator==(const MirrorRule&, const MirrorRule&) = default;
};
struct RegistryRule {
  std::string prefix;    ///< host[:port][/path...] or "*.example.com"
  std::string location;  ///< Empty: where the name says.
  bool insecure = false, blocked = false, mirrors_by_digest_only = false;
  std::vector<MirrorRule> mirrors;
  friend bool operator==(const RegistryRule&, const RegistryRule&) = default;
};

class RegistriesConf {
 public:
  /// Reads one file's text on top of what is there: a rule for a prefix that is known already takes its place, as
  /// drop-in files do. Error(input) names `what` and the line.
  void add(std::string_view toml, std::string_view what);
  /// The rule with the longest prefix that `name` is under; nullptr for none.
  const RegistryRule* find(const Reference& name) const;
  const std::vector<RegistryRule>& rules() const { return rules_; }

 private:
  std::vector<RegistryRule> rules_;
};

/// One place to ask for an image.
struct Endpoint {
  std::string location;    ///< As configured or named: "docker.io". What credentials and certificates are found by.
  std::string authority;   ///< Where requests go: "registry-1.docker.io".
  std::string repository;  ///< "library/busybox"
  bool insecure = false;   ///< TLS need not be verified, and plain HTTP will do.
  bool mirror = false;
  std::string name() const { return authority + "/" + repository; }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
/// Mirrors first, in order, then the registry itself. Pure. Error(denied) when the registry is blocked, Error(input)
/// when a location cannot be one. Hosts on loopback may speak plain HTTP without being called insecure (V65).
std::vector<Endpoint> endpoints_for(const Reference& name, const RegistriesConf& conf);
/// Without any rule: where the name itself says.
Endpoint direct_endpoint(const Reference& name);

}  // namespace imgb
