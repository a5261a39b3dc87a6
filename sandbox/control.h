#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"
#include "sandbox/stub/wire.h"

namespace imgb {

struct SocketPair {
  Fd ours, theirs;
};
SocketPair make_control_sockets();  ///< SOCK_SEQPACKET, close-on-exec.

/// One message of the stub.
struct StubMessage {
  std::string bytes;
  std::vector<Fd> descriptors;
  template <class Value>
  Value value(std::size_t offset = 0) const;
};
/// nullopt: the other side is gone. With `wait` false also when nothing is there.
std::optional<StubMessage> receive_message(const Fd& socket, bool wait);
/// False: the other side is gone.
bool send_message(const Fd& socket, std::string_view bytes, std::span<const int> descriptors = {});
std::vector<int> numbers_of(const std::vector<Fd>& descriptors);
/// Sends a plan with stdin, stdout, stderr (or a ground with none) and the sources.
bool send_plan(const Fd& socket, std::string_view plan, std::span<const int> stdio, std::span<const int> sources);

template <class Value>
std::string_view bytes_of(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <class Value>
Value StubMessage::value(std::size_t offset) const {
  Value result{};
  if (bytes.size() >= offset + sizeof result) __builtin_memcpy(&result, bytes.data() + offset, sizeof result);
  return result;
}

}  // namespace imgb
