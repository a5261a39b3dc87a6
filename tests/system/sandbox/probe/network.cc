#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <cerrno>

#include "tests/system/sandbox/probe/probe.h"

namespace probe {
namespace {

int family_error(int family) {
  int socket = ::socket(family, SOCK_DGRAM, 0);
  int error = error_of(socket);
  if (socket >= 0) ::close(socket);
  return error;
}

int connect_error(const char* address, int port) {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<unsigned short>(port));
  ::inet_pton(AF_INET, address, &to.sin_addr);
  int error = error_of(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to));
  if (error == EINPROGRESS) {
    pollfd ready{socket, POLLOUT, 0};
    socklen_t size = sizeof error;
    error = ::poll(&ready, 1, 3000) > 0 && ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error
                                                                                                          : ETIMEDOUT;
  }
  ::close(socket);
  return error;
}

int abstract_error(const char* name) {
  int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path + 1, name, sizeof to.sun_path - 2);
  int error = error_of(::connect(socket, reinterpret_cast<sockaddr*>(&to),
                                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(name))));
  ::close(socket);
  return error;
}

}  // namespace

int print_from_socket(const char* path) {
  int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, path, sizeof to.sun_path - 1);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0) return 1;
  char bytes[256];
  for (ssize_t size; (size = ::read(socket, bytes, sizeof bytes)) > 0;)
    if (::write(1, bytes, static_cast<std::size_t>(size)) < 0) return 1;
  return 0;
}

void try_network() {
  report("P16.alg", family_error(38));
  report("P16.vsock", family_error(40));
  report("P16.inet", family_error(AF_INET));
  report("P16.abstract", abstract_error("imgb-test-host-socket"));
  const char* port = std::getenv("HOST_PORT");
  report("V83.loopback", connect_error("127.0.0.1", port ? std::atoi(port) : 1));
  report("V83.gateway", connect_error("10.0.2.2", port ? std::atoi(port) : 1));
  report("V83.metadata", connect_error("169.254.169.254", 80));
}

}  // namespace probe
