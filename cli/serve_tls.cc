#include "cli/serve_tls.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <set>

#include "core/base/dir.h"
#include "core/base/error.h"
#include "core/base/time.h"
#include "registry/address.h"
#include "registry/server/self_signed.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxPemBytes = 1 << 20;

std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

/// A certificate for all addresses of a host names those by which it is known here.
std::vector<std::string> names_of(const std::vector<std::string>& addresses) {
  std::set<std::string> names{"localhost", "127.0.0.1", "::1"};
  for (const std::string& address : addresses) {
    std::string host = host_of(address);
    if (!host.empty() && host != "0.0.0.0" && host != "::") names.insert(host);
  }
  std::array<char, 256> own{};
  if (::gethostname(own.data(), own.size() - 1) == 0 && own[0]) names.insert(own.data());
  return {names.begin(), names.end()};
}

void write_file(const std::string& path, const std::string& text, std::uint32_t mode) {
  auto whole = std::filesystem::absolute(path);
  Dir::open_host(whole.parent_path()).replace_file(whole.filename().string(), text, mode);
}

}  // namespace

Fd open_host_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) throw_errno("opening {}", path);
  return file;
}

std::optional<server::TlsFiles> serve_tls(const ServeTls& tls, const std::vector<std::string>& addresses) {
  bool named = tls.certificate_file && tls.key_file;
  if (!named && (tls.certificate_file || tls.key_file))
    throw_error(ErrorKind::usage, "--tls-cert and --tls-key go together");
  if (!named && !tls.self_signed) return std::nullopt;
  bool there = named && (std::filesystem::exists(*tls.certificate_file) || std::filesystem::exists(*tls.key_file));
  if (named && (there || !tls.self_signed))
    return server::TlsFiles{read_all(open_host_file(*tls.certificate_file), kMaxPemBytes, *tls.certificate_file),
                            read_all(open_host_file(*tls.key_file), kMaxPemBytes, *tls.key_file)};
  server::SelfSigned made = server::make_self_signed(names_of(addresses), now());
  if (named) {
    write_file(*tls.key_file, made.key_pem, 0600);
    write_file(*tls.certificate_file, made.certificate_pem, 0644);
  }
  return server::TlsFiles{made.certificate_pem, made.key_pem};
}

std::string what_clients_need(const server::TlsFiles& tls, const std::vector<std::string>& addresses) {
  std::string name = addresses.front();
  return fmt::format(
      "clients need this certificate, for {0}:\n"
      "  Docker      /etc/docker/certs.d/{0}/ca.crt\n"
      "  podman      /etc/containers/certs.d/{0}/ca.crt\n"
      "  containerd  /etc/containerd/certs.d/{0}/hosts.toml: ca = \"FILE\"\n"
      "  curl        --cacert FILE\n{1}",
      name, tls.certificate_pem);
}

bool is_loopback(const std::string& address) {
  std::string host = host_of(address);
  return is_loopback_host(host);
}

void allow_many_connections() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);  // failing that, there are fewer connections
}

}  // namespace imgb
