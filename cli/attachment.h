#pragma once
#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <span>

#include "core/base/fd.h"
#include "sandbox/launch.h"

namespace imgb {

/// Hears what a program writes, as it comes: 1 is its output (of a terminal: all), 2 its errors.
using OutputLog = std::function<void(int stream, std::span<const std::byte>)>;

/// What joins a program in a container to our standard input, output and error. The program gets pipes, or a terminal
/// of its own, never our descriptors: from those it could read what is typed, see the name of the file that its output
/// goes to, or change what others do who share them (V84, V88). Without a log the bytes are spliced, not copied.
///
/// A reader of our output that goes away ends that stream for the program too, as a pipe between the two would:
/// SIGPIPE, or EPIPE; a program with a terminal gets SIGHUP.
class Attachment {
 public:
  struct Wants {
    bool interactive = false;  ///< It reads our standard input; else it has none.
    bool tty = false;
    int terminal_output = 1;  ///< Where the output of its terminal goes.
  };
  explicit Attachment(Wants wants);
  Attachment(const Attachment&) = delete;

  StepIo io() const;  ///< For the start.
  /// Moves bytes until the program has ended and what it wrote is out. Bytes that something it left behind writes later
  /// are not waited for. `log` may be null. Our terminal is raw meanwhile when keys go to one of the program's.
  void serve(Running& running, const OutputLog& log);
  /// Throws when something but a reader that went away kept bytes from our output. After serve.
  void check() const;

 private:
  class Output;
  class Input;
  void serve_terminal(Running& running, const OutputLog& log);
  static void move(const Fd& ended, Input& input, std::span<Output> outputs);

  Wants wants_;
  Pipe in_;                     ///< Made when interactive without a terminal.
  std::array<Pipe, 2> out_;     ///< Output and errors; without a terminal.
  std::exception_ptr failure_;  ///< The first of our output.
};

}  // namespace imgb
