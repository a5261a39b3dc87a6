#pragma once
#include "core/base/fd.h"

namespace imgb {

/// A folder in memory without a name: for a socket that others meet at by descriptors alone. Needs the right to mount.
Fd make_memory_folder();

}  // namespace imgb
