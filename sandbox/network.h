#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"

namespace imgb {

/// One -p of `imgb run`.
struct PortForward {
  std::string host_address = "0.0.0.0";  ///< IPv4
  std::uint16_t host_port = 0;           ///< 0: one that is free; PrivateNetwork::forwards() tells which.
  std::uint16_t container_port = 0;
  bool udp = false;
  friend bool operator==(const PortForward&, const PortForward&) = default;
};
/// "8080:80", "127.0.0.1:8080:80/tcp", "80", "8000-8002:80-82/udp". Error(usage) on any other shape.
std::vector<PortForward> parse_port_forwards(std::string_view text);

/// Helpers that connect a network namespace to the outside in user space.
enum class NetworkHelper { slirp4netns, pasta };
std::string_view name_of(NetworkHelper helper);

/// A network namespace whose only way out is a helper process: the host's loopback, link-local addresses of the host
/// and its abstract sockets cannot be reached (security.md 3.9, V83). Destroyed: the helper is gone.
class PrivateNetwork {
 public:
  /// `user_namespace` owns the network namespace; -1: the present one. Errors: unsupported when no helper works here,
  /// with the package to install as hint; unavailable when a port of the host is taken.
  static PrivateNetwork create(int user_namespace, const std::vector<PortForward>& ports);
  PrivateNetwork(PrivateNetwork&&) noexcept;
  PrivateNetwork& operator=(PrivateNetwork&&) noexcept;
  ~PrivateNetwork();

  const Fd& name_space() const;
  NetworkHelper helper() const;
  std::string resolver() const;  ///< Address of the DNS forwarder inside.
  const std::vector<PortForward>& forwards() const;

 private:
  struct State;
  explicit PrivateNetwork(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace imgb
