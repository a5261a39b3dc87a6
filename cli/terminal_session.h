#pragma once
#include <termios.h>

#include <functional>
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

/// Joins our terminal (0, 1) and a container's (`-t`) until the container ends: keys in, output out, size kept equal.
/// `log` hears the output too.
void join_terminals(Running& running, bool interactive, const std::function<void(std::span<const std::byte>)>& log);
void copy_terminal_size(const Running& running);

/// Moves the output pipes of a container to our standard output and error, and to `log`, until it ends; what its
/// processes wrote before the end is complete, and a pipe that something else still holds does not keep us.
struct OutputPipes {
  Fd out, err;
};
using OutputLog = std::function<void(int stream, std::span<const std::byte>)>;
void copy_output(const Running& running, const OutputPipes& pipes, const OutputLog& log);

}  // namespace imgb
