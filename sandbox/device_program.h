#pragma once
#include "core/base/fd.h"

namespace imgb {

/// Cgroup version 2 has no files for devices but a BPF program: attaches one that lets any node be made and only the
/// harmless ones of security.md 3.5 be opened. Keep the descriptor for as long as it shall hold.
/// Errors: system (no BPF here).
Fd attach_device_program(const Fd& cgroup);

}  // namespace imgb
