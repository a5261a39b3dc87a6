#pragma once
#include "builder/build_plan.h"

namespace imgb {

/// Marks the steps whose result will be needed as a root file system: those with a RUN behind them, in their own stage
/// or in one that begins with it. They write their snapshot in the pass that writes their layer; nothing else is ever
/// unpacked (DESIGN.md section 4, need-driven unpacking). COPY --link is left out: it does not know what is below it.
void mark_root_needs(BuildPlan& plan);

}  // namespace imgb
