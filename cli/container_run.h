#pragma once
#include <span>
#include <string>

#include "cli/container_start.h"
#include "cli/env.h"
#include "cli/signals.h"
#include "sandbox/containers.h"

namespace imgb {

/// Runs a created container in this process, joined to our terminal or descriptors, signals passed on; returns its exit
/// code. Failures to start are ExitError: 127 no such command, 126 not executable, 125 the rest.
int run_attached(CliEnv& env, const Containers& containers, const Container& container);

/// For --rm. Someone else who removes it at the same moment (`imgb rm -f`) does the same work: that is no error.
void remove_ended(const Containers& containers, const std::string& id);

/// `__supervise ROOT ID`: runs a created container to its end, its output going to its log. One thread at the start.
int run_supervisor(std::span<const std::string> words);

/// Signals that reach us go to the program from now on; a change of our terminal's size to its terminal, when it has
/// one.
void pass_signals(SignalWatch& watch, Running& running, bool tty);

/// Docker's exit codes for a program that could not be started: 127 there is none, 126 it cannot be executed.
[[noreturn]] void throw_start_failure(const Error& error);
template <class Start>
auto start_or_exit_code(Start start) {
  try {
    return start();
  } catch (const Error& e) {
    throw_start_failure(e);
  }
}

/// `__exec ROOT FLAGS-OF-EXEC...`: the process behind `imgb exec -d`. One thread at the start.
int run_detached_exec(std::span<const std::string> words);

}  // namespace imgb
