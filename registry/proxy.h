#pragma once
#include <optional>
#include <string>

#include "registry/url.h"

namespace imgb {

/// HTTP_PROXY, HTTPS_PROXY, NO_PROXY or their lower-case forms, which win.
struct ProxySettings {
  std::string http, https, no_proxy;
};
/// The proxy for a request to `to`, as Go's httpproxy decides it: never for loopback; NO_PROXY holds hosts (with their
/// sub domains), ".domain", host:port, addresses and CIDR blocks, or "*". nullopt: connect directly.
std::optional<std::string> find_proxy(const ProxySettings& settings, const Origin& to);

}  // namespace imgb
