#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "registry/server/server.h"

namespace imgb {

/// How `imgb serve` is asked for TLS.
struct ServeTls {
  std::optional<std::string> certificate_file, key_file;
  bool self_signed = false;
};

/// Reads or makes certificate and key; nullopt: no TLS. A pair that is made is kept in the files that are named, for
/// the next time. Error(usage) when only one of both is named.
std::optional<server::TlsFiles> serve_tls(const ServeTls& tls, const std::vector<std::string>& addresses);
/// Lines for people: the certificate, and where Docker, podman and curl want it.
std::string what_clients_need(const server::TlsFiles& tls, const std::vector<std::string>& addresses);
bool is_loopback(const std::string& address);  ///< Of "HOST:PORT".
/// From now on as many descriptors as this process may have: each connection and upload takes one or two.
void allow_many_connections();
Fd open_host_file(const std::string& path);

}  // namespace imgb
