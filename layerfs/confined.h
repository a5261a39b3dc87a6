#pragma once
#include <cstdint>

#include "core/base/fd.h"

namespace imgb {

/// Locks this process in before it reads hostile bytes (security.md 3.12): limits, no new privileges, Landlock (no file
/// anywhere but below `writable`), only the capabilities that unpacking needs (none without `writable`), and a system
/// call list without exec, sockets, namespaces, ptrace or signals to others. There is no way back.
///
/// Threads: call it before a second one starts; threads started later inherit all of it.
/// Errors: system. Without Landlock in the kernel, or one too old to let links cross folders, the rest still holds.
void confine(const Fd* writable);

}  // namespace imgb
