#include "sandbox/control.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace imgb {

SocketPair make_control_sockets() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) throw_errno("sockets for a sandbox");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::vector<int> numbers_of(const std::vector<Fd>& descriptors) {
  std::vector<int> numbers;
  for (const Fd& one : descriptors) numbers.push_back(one.get());
  return numbers;
}

std::optional<StubMessage> receive_message(const Fd& socket, bool wait) {
  std::array<char, stub::kMaxReportBytes> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 4)> room;
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ssize_t got;
  do got = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  StubMessage result{std::string(bytes.data(), static_cast<std::size_t>(got)), {}};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(header) + at, sizeof descriptor);
      result.descriptors.emplace_back(descriptor);
    }
  }
  return result;
}

bool send_message(const Fd& socket, std::string_view bytes, std::span<const int> descriptors) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::vector<char> room(CMSG_SPACE(descriptors.size_bytes()));
  if (!descriptors.empty()) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent;
  do sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return true;
  if (errno == EPIPE || errno == ECONNRESET) return false;
  throw_errno("talking to the sandbox");
}

bool send_plan(const Fd& socket, std::string_view plan, std::span<const int> stdio, std::span<const int> sources) {
  Fd file = make_memfd("plan");
  write_all(file, plan, "plan");
  std::vector<int> all = {file.get()};
  all.insert(all.end(), stdio.begin(), stdio.end());
  all.insert(all.end(), sources.begin(), sources.end());
  if (all.size() > stub::kMaxDescriptors)
    throw_error(ErrorKind::unsupported, "{} mounts for one step; {} are possible", sources.size(),
                stub::kMaxDescriptors - 4);
  stub::PlanHeader header{plan.size(), stdio.size()};
  return send_message(socket, bytes_of(header), all);
}

}  // namespace imgb
