#pragma once

namespace imgb::stub {

/// Processes that lose their parent become children of this one.
bool adopt_orphans();

/// Kills every process that descends from this one and reaps them, until none is left. Needs /proc.
void kill_descendants();

}  // namespace imgb::stub
