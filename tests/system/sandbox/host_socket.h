#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string>

#include "core/base/error.h"
#include "core/base/fd.h"

namespace imgb {

/// A socket of the host that something in a world may try to reach, listened at; accept() does not block.
struct HostSocket {
  Fd socket;
  std::uint16_t port = 0;  ///< Of a loopback one.

  /// In the abstract name space of the host's network.
  static HostSocket abstract(const std::string& name) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    return {listen_at(address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()))};
  }
  /// A free port.
  static HostSocket loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    HostSocket made{listen_at(address, size)};
    if (::getsockname(made.socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0) throw_errno("getsockname");
    made.port = ntohs(address.sin_port);
    return made;
  }

 private:
  template <class Address>
  static Fd listen_at(const Address& address, socklen_t size) {
    const auto* plain = reinterpret_cast<const sockaddr*>(&address);
    Fd made(::socket(plain->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made || ::bind(made.get(), plain, size) < 0 || ::listen(made.get(), 1) < 0) throw_errno("listening");
    return made;
  }
};

}  // namespace imgb
