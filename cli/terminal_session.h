#pragma once
#include <termios.h>

#include <optional>

#include "sandbox/launch.h"

namespace imgb {

/// For -it: keys can be passed on from a terminal only (a pipe's end could not be told to the program). Error(usage).
void require_terminal();

/// Our terminal in raw mode, as it was again when destroyed. Nothing happens where the descriptor is no terminal.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;

 private:
  int fd_;
  std::optional<termios> before_;
};

/// Gives a container's terminal (`-t`) the size of ours, which `fd` is; nothing when it is none.
void copy_terminal_size(int fd, const Running& running) noexcept;

}  // namespace imgb
