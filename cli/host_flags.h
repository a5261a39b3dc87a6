#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "sandbox/step.h"

namespace imgb {

// Values of flags that `build` and `run` share. Errors: Error(usage) that names the flag.

bool is_address(const std::string& text);                                   ///< IPv4 or IPv6.
std::pair<std::string, std::string> parse_add_host(std::string_view text);  ///< "name:address" or "name=address"
/// "host-gateway" becomes this host's address, as others and private networks see it. Error(unsupported): it has none.
std::pair<std::string, std::string> resolve_gateway(std::pair<std::string, std::string> host);
Limits::Rlimit parse_ulimit(std::string_view text);  ///< "nofile=1024:2048"
NetworkMode parse_network(std::string_view text);    ///< default, host, none
Security parse_security(std::string_view text);      ///< standard, compat
/// "10m" (ago), RFC 3339 with or without time and zone (UTC), or seconds since 1970. `flag` is named in errors.
Nanoseconds parse_moment(std::string_view text, std::string_view flag);
double parse_cpus(std::string_view text);     ///< "1.5"
int parse_signal(std::string_view text);      ///< "SIGTERM", "term", "15"
std::vector<std::string> environment_list();  ///< This process's, "K=V" each.

}  // namespace imgb
