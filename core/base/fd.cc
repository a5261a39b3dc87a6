#include "core/base/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"

namespace imgb {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() noexcept {
  // close() is not retried on EINTR: Linux has released the number already.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Fd Fd::duplicate() const {
  int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw_errno("duplicating a file descriptor");
  return Fd(copy);
}

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw_errno("making a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd make_memfd(std::string_view name) {
  int fd = ::memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw_errno("making an anonymous file {}", name);
  return Fd(fd);
}

void seal(const Fd& memfd) {
  if (::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
    throw_errno("sealing an anonymous file");
}

std::size_t read_some(const Fd& fd, std::span<std::byte> into, std::string_view what) {
  for (;;) {
    ssize_t got = ::read(fd.get(), into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_errno("reading {}", what);
  }
}

std::size_t read_at(const Fd& fd, std::span<std::byte> into, std::uint64_t offset, std::string_view what) {
  for (;;) {
    ssize_t got = ::pread(fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_errno("reading {}", what);
  }
}

void write_all(const Fd& fd, std::span<const std::byte> bytes, std::string_view what) {
  while (!bytes.empty()) {
    ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      throw_errno("writing {}", what);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void write_all(const Fd& fd, std::string_view text, std::string_view what) {
  write_all(fd, std::as_bytes(std::span(text)), what);
}

std::string read_all(const Fd& fd, std::uint64_t max_bytes, std::string_view what) {
  std::string all;
  std::size_t filled = 0;
  for (;;) {
    if (filled == all.size()) all.resize(std::max<std::size_t>(16 * 1024, all.size() * 2));
    std::size_t got = read_some(fd, std::as_writable_bytes(std::span(all)).subspan(filled), what);
    if (got == 0) break;
    filled += got;
    if (filled > max_bytes) throw_error(ErrorKind::input, "{} is larger than {} bytes", what, max_bytes);
  }
  all.resize(filled);
  return all;
}

void sync_data(const Fd& fd, std::string_view what) {
  if (::fdatasync(fd.get()) < 0) throw_errno("syncing {}", what);
}

void sync(const Fd& fd, std::string_view what) {
  if (::fsync(fd.get()) < 0) throw_errno("syncing {}", what);
}

}  // namespace imgb
