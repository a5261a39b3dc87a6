#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace imgb {

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Where bytes come from. Not shared between threads.
class Source {
 public:
  virtual ~Source() = default;
  /// Fills up to into.size() bytes (which is not 0) and returns how many; 0 is the end, and stays the end.
  virtual std::size_t read(std::span<std::byte> into) = 0;
};

/// Where bytes go. `write` takes all of them or throws. Not shared between threads.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::span<const std::byte> bytes) = 0;
};

inline constexpr std::size_t kStreamBufferBytes = 256 * 1024;

/// Moves everything; returns the bytes moved.
std::uint64_t copy(Source& from, Sink& to);
/// All of it as a string; more than `max_bytes` throws Error(input) that names `what`.
std::string read_all(Source& from, std::uint64_t max_bytes, std::string_view what);

/// Reads an fd from its present offset. `what` names it in errors.
class FdSource : public Source {
 public:
  FdSource(Fd fd, std::string what) : fd_(std::move(fd)), what_(std::move(what)) {}
  std::size_t read(std::span<std::byte> into) override;
  const Fd& fd() const { return fd_; }

 private:
  Fd fd_;
  std::string what_;
};

class FdSink : public Sink {
 public:
  FdSink(Fd fd, std::string what) : fd_(std::move(fd)), what_(std::move(what)) {}
  void write(std::span<const std::byte> bytes) override;
  const Fd& fd() const { return fd_; }

 private:
  Fd fd_;
  std::string what_;
};

/// Borrows the bytes.
class SpanSource : public Source {
 public:
  explicit SpanSource(std::span<const std::byte> bytes) : rest_(bytes) {}
  explicit SpanSource(std::string_view text) : rest_(as_bytes(text)) {}
  std::size_t read(std::span<std::byte> into) override;

 private:
  std::span<const std::byte> rest_;
};

class StringSink : public Sink {
 public:
  void write(std::span<const std::byte> bytes) override { text_.append(as_text(bytes)); }
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Gives every write to both, in order. Borrows them.
class TeeSink : public Sink {
 public:
  TeeSink(Sink& first, Sink& second) : first_(first), second_(second) {}
  void write(std::span<const std::byte> bytes) override {
    first_.write(bytes);
    second_.write(bytes);
  }

 private:
  Sink& first_;
  Sink& second_;
};

}  // namespace imgb
