#include "sandbox/stub/system.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace imgb::stub {

Text& Text::operator<<(std::string_view more) {
  std::size_t count = more.size() < room() ? more.size() : room();
  std::memcpy(bytes_ + size_, more.data(), count);
  shorten(size_ + count);
  return *this;
}

Text& Text::operator<<(std::uint64_t number) {
  char digits[20];
  std::size_t first = sizeof digits;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number);
  return *this << std::string_view(digits + first, sizeof digits - first);
}

bool send(int socket, const void* head, std::size_t head_bytes, std::string_view body, int descriptor) {
  iovec parts[2] = {{const_cast<void*>(head), head_bytes}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent;
  do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

long receive(int socket, void* into, std::size_t bytes, int* descriptors, std::size_t& count) {
  iovec part{into, bytes};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  ssize_t got;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  std::size_t room_for = count;
  count = 0;
  if (got <= 0) return got;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < came && count < room_for; ++i)
      std::memcpy(&descriptors[count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
  }
  return got;
}

void Control::report(Report kind, std::string_view body, int descriptor) const {
  send_stubs();
  if (!send(socket_, &kind, sizeof kind, body, descriptor)) ::_exit(1);
}

void Control::note_stub(std::string_view path) const {
  if (stubs_.room() < path.size() + 1) send_stubs();
  stubs_ << path << std::string_view("\0", 1);
}

void Control::send_stubs() const {
  if (stubs_.view().empty()) return;
  Report kind = Report::stub;
  if (!send(socket_, &kind, sizeof kind, stubs_.view())) ::_exit(1);
  stubs_.shorten(0);
}

void Control::fail(Failure kind, int error, std::string_view what, std::string_view name) const {
  FailureReport report{kind, error};
  Text text;
  text << std::string_view(reinterpret_cast<const char*>(&report), sizeof report) << what;
  if (!name.empty()) text << " " << name;
  this->report(Report::failed, text.view());
  failed_ = true;
  ::_exit(1);
}

void Control::fail(std::string_view what, std::string_view name) const { fail(Failure::system, errno, what, name); }

int open_below(int folder, const char* path, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve) {
  open_how how{.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  // EAGAIN: something on the host was renamed while ".." was resolved, and the kernel could not prove that it stayed
  // inside.
  constexpr int kMaxRaces = 1000;
  for (int race = 0;; ++race) {
    int opened = static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
    if (opened >= 0 || errno != EAGAIN || race == kMaxRaces) return opened;
  }
}

int move_onto(int mount, int target) {
  return ::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int clone_mount(int place, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  return ::open_tree(place, "", recursive ? flags | AT_RECURSIVE : flags);
}

int set_attributes(int mount, std::uint64_t set, bool recursive) {
  mount_attr attributes{.attr_set = set};
  return ::mount_setattr(mount, "", recursive ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH, &attributes,
                         sizeof attributes);
}

bool hide_process() { return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0; }

const char* PlanReader::take(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(end_ - at_)) control_->fail(Failure::system, EBADMSG, "reading the plan");
  const char* here = at_;
  at_ += bytes;
  return here;
}

std::uint32_t PlanReader::number() {
  std::uint32_t value;
  std::memcpy(&value, take(sizeof value), sizeof value);
  return value;
}

std::uint64_t PlanReader::wide() {
  std::uint64_t value;
  std::memcpy(&value, take(sizeof value), sizeof value);
  return value;
}

std::string_view PlanReader::text() {
  std::size_t size = number();
  return {take(size + 1), size};
}

}  // namespace imgb::stub
