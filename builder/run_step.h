#pragma once
#include <map>
#include <stop_token>

#include "builder/copy_step.h"

namespace imgb {

/// Carries out one RUN on top of `below`, or finds its result (dockerfile.md 3.2 and 5). `inputs`: what each mount's
/// `from` shows, by InputId.
/// Errors: RunFailed when the command fails.
StepOutcome run_run(const BuildStep& step, const FileSystem& below, const std::map<InputId, FileSystem>& inputs,
                    StepServices& services, Activity& activity, std::stop_token stop);

}  // namespace imgb
