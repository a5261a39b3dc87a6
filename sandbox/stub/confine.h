#pragma once
#include "sandbox/stub/system.h"

/// What keeps a program in a folder without mounts of its own (--isolation=chroot).
namespace imgb::stub {

void enter_root(int root, const Control& control);

/// Landlock, as far as the kernel has it: no file but those below `root`, whatever way a program finds to the outside;
/// and from Linux 6.12 on no signals to processes, nor connections to abstract sockets, of others. Needs no_new_privs.
void forbid_what_is_outside(int root, const Control& control);

}  // namespace imgb::stub
