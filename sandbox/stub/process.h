#pragma once
#include <sys/types.h>

#include "sandbox/stub/system.h"

namespace imgb::stub {

/// No process started from here on can ever be capable of more.
void limit_capabilities(std::uint64_t keep, const Control& control);

/// The main process of a world: reads the process part of the plan, becomes what it says and executes the program.
/// `stdio` are its 0, 1 and 2 (ignored with a terminal). With `root` >= 0 it is confined to that folder: chroot, and
/// Landlock where the kernel has it. Returns its pid when the program has been executed; a failure ends this process
/// too, told by `control`.
pid_t start_process(PlanReader& plan, const int* stdio, int root, const Control& control);

/// Process 1 keeps what it needs to signal and reap, and nothing else; no other process may look into it.
void drop_to_init(const Control& control);

/// Passes signals from `control` on to the main process, reaps orphans, reports the main process's end. Ends this
/// process, and with it (as process 1) all that is left in the world; also when the other side of `control` is gone.
/// Without a process namespace of our own the rest is found by /proc and killed one by one.
enum class Rest { ends_with_us, is_killed };
[[noreturn]] void serve(pid_t main_process, Rest rest, const Control& control);

}  // namespace imgb::stub
