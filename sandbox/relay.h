#pragma once
#include <memory>

#include "core/base/fd.h"

namespace imgb {

/// Passes connections that a step makes to a socket of its own on to a socket of the host (the ssh agent's), so that
/// the step needs no right to that one. A thread of its own; ends when destroyed. At most 64 connections at a time.
class SocketRelay {
 public:
  /// `listening` is owned; `host_socket` an O_PATH descriptor, borrowed for the time of the call.
  SocketRelay(Fd listening, int host_socket);
  SocketRelay(SocketRelay&&) noexcept;
  ~SocketRelay();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
