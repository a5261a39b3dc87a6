#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace imgb {

/// Numbers and strings as SSH writes them (RFC 4251 5): big-endian, strings with their length before them.
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : left_(bytes) {}
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (char c : take(4)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view string() { return take(number()); }
  std::string_view rest() const { return left_; }

 private:
  std::string_view take(std::size_t size) {
    if (size > left_.size()) throw_error(ErrorKind::input, "it ends too early");
    std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  std::string_view left_;
};

class SshWriter {
 public:
  SshWriter& byte(std::uint8_t value) {
    bytes_ += static_cast<char>(value);
    return *this;
  }
  SshWriter& number(std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes_ += static_cast<char>(value >> shift);
    return *this;
  }
  SshWriter& string(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
    return *this;
  }
  /// A positive number, big-endian.
  SshWriter& big_number(std::string_view value) {
    while (!value.empty() && value[0] == 0) value.remove_prefix(1);
    bool pad = !value.empty() && (static_cast<std::uint8_t>(value[0]) & 0x80);
    return string((pad ? std::string(1, '\0') : std::string()).append(value));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace imgb
