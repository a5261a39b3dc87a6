#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace imgb {

/// Owns one file descriptor; closes it once. Always opened with O_CLOEXEC; pass one on by naming it in a Spawn.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() noexcept;
  Fd duplicate() const;  ///< A second descriptor for the same open file, close-on-exec.

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;
};
Pipe make_pipe();  ///< Both ends close-on-exec.

/// Anonymous file in memory; `seal()` it when written. `name` shows in /proc only.
Fd make_memfd(std::string_view name);
void seal(const Fd& memfd);  ///< No write, grow or shrink from now on.

/// Thin, EINTR-proof, throwing SystemError that names `what`.
std::size_t read_some(const Fd& fd, std::span<std::byte> into, std::string_view what);
std::size_t read_at(const Fd& fd, std::span<std::byte> into, std::uint64_t offset, std::string_view what);
void write_all(const Fd& fd, std::span<const std::byte> bytes, std::string_view what);
void write_all(const Fd& fd, std::string_view text, std::string_view what);
/// Reads to the end of file; more than `max_bytes` is an Error(input) that names `what`.
std::string read_all(const Fd& fd, std::uint64_t max_bytes, std::string_view what);
void sync_data(const Fd& fd, std::string_view what);  ///< fdatasync
void sync(const Fd& fd, std::string_view what);       ///< fsync, also for folders

}  // namespace imgb
