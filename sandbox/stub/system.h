#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sandbox/stub/wire.h"

/// What the stub needs of the kernel, and how it fails: no exceptions, no allocation, no standard library at run time.
namespace imgb::stub {

/// Text of fixed size; what does not fit is cut.
class Text {
 public:
  Text& operator<<(std::string_view more);
  Text& operator<<(std::uint64_t number);
  const char* c_str() const { return bytes_; }
  std::string_view view() const { return {bytes_, size_}; }
  std::size_t room() const { return sizeof bytes_ - 1 - size_; }
  void shorten(std::size_t size) { bytes_[size_ = size] = 0; }

 private:
  char bytes_[4352] = {};
  std::size_t size_ = 0;
};

/// Process 1's side of the control socket.
class Control {
 public:
  explicit Control(int socket) : socket_(socket) {}
  int socket() const { return socket_; }
  /// What cannot be said ends the process: imgb waits for the word or for the end.
  void report(Report kind, std::string_view body, int descriptor = -1) const;
  void note_stub(std::string_view path) const;  ///< Reported with the next report: one message for many.
  /// Tells what went wrong and ends this process. `error`: errno, 0 for none.
  [[noreturn]] void fail(Failure kind, int error, std::string_view what, std::string_view name = {}) const;
  /// A failed system call: fails with the present errno.
  [[noreturn]] void fail(std::string_view what, std::string_view name = {}) const;
  bool failed() const { return failed_; }  ///< In a process whose child shares its memory: the child has failed.
  int check(int result, std::string_view what, std::string_view name = {}) const {
    if (result < 0) fail(what, name);
    return result;
  }

 private:
  void send_stubs() const;
  int socket_;
  mutable volatile bool failed_ = false;
  mutable Text stubs_;
};

/// Receives one message with its descriptors (close-on-exec). Returns its size, 0 at the end, -1 on error. `count` is
/// how many descriptors there is room for, then how many came.
long receive(int socket, void* into, std::size_t bytes, int* descriptors, std::size_t& count);
bool send(int socket, const void* head, std::size_t head_bytes, std::string_view body, int descriptor = -1);

// glibc has no wrapper for these.
int open_below(int folder, const char* path, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve);
int move_onto(int mount, int target);        ///< move_mount, both by descriptor.
int clone_mount(int place, bool recursive);  ///< A detached copy of what is mounted at or below an open place.
int set_attributes(int mount, std::uint64_t set, bool recursive);

/// No process but the host's root may trace this one or read its /proc files; children inherit it, execve ends it.
/// False: errno says why.
bool hide_process();

/// Reads the plan: every text ends in a NUL that is not counted.
class PlanReader {
 public:
  PlanReader(const char* begin, const char* end, const Control& control) : at_(begin), end_(end), control_(&control) {}
  bool done() const { return at_ == end_; }
  std::uint32_t number();
  std::uint64_t wide();
  std::string_view text();
  bool flag() { return number() != 0; }

 private:
  const char* take(std::size_t bytes);
  const char* at_;
  const char* end_;
  const Control* control_;
};

}  // namespace imgb::stub
