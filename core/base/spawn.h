#pragma once
#include "core/base/process.h"

namespace imgb {

struct SpawnedChild {
  pid_t pid = -1;
  Fd pidfd;
};

/// The clone and exec below Child::start, which says what they promise. die_with_parent holds for the calling thread.
SpawnedChild spawn_child(const Spawn& spawn);

}  // namespace imgb
