#pragma once
#include <chrono>
#include <cstdint>

#include "core/base/fd.h"

namespace imgb {

/// Processor time that such a process may take; then SIGXCPU ends it. Enough for the largest layer (layerfs/ingest.h).
inline constexpr std::chrono::hours kMaxProcessorTime{2};

/// Locks this process in before it reads hostile bytes (security.md 3.12): limits, no new privileges, Landlock (no file
/// anywhere but below `writable`), only the capabilities that unpacking needs (none without `writable`), and a system
/// call list without exec, sockets, namespaces, ptrace or signals to others. There is no way back.
///
/// Threads: call it before a second one starts; threads started later inherit all of it.
/// Errors: system. Without Landlock in the kernel, or one too old to let links cross folders, the rest still holds.
void confine(const Fd* writable);

}  // namespace imgb
