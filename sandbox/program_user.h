#pragma once
#include "sandbox/launch.h"
#include "sandbox/plan.h"
#include "sandbox/rootless.h"

namespace imgb {

/// How the ids of a world are seen from here.
struct WorldIds {
  IdMap uids, gids;
};

/// An image may ask for a user that an ordinary user's ranges do not reach. Error(unsupported) with the remedy.
void check_ids(const ProcessPlan& process, const WorldIds& ids);

/// Makes the pipes among `io` the program's user's own, so that it may open /dev/stdout, which is a link to what it has
/// open already. Error(system).
void give_pipes(const StepIo& io, const ProcessPlan& process, const WorldIds& ids);

}  // namespace imgb
