#include "builder/root_needs.h"

#include <set>

namespace imgb {
namespace {

bool is_run(const BuildStep& step) { return std::holds_alternative<RunStep>(step.action); }

bool knows_below(const BuildStep& step) {
  const auto* copy = std::get_if<CopyStep>(&step.action);
  return !copy || !copy->link;
}

}  // namespace

void mark_root_needs(BuildPlan& plan) {
  std::set<std::size_t> needed_at_end;  // stages that others with a RUN begin with
  // A stage comes after the one it begins with.
  for (auto at = plan.stages.rbegin(); at != plan.stages.rend(); ++at) {
    StagePlan& stage = at->second;
    bool needed = needed_at_end.contains(at->first);
    for (std::size_t i = stage.steps.size(); i-- > 0;) {
      BuildStep& step = stage.steps[i];
      step.unpacks = needed && !is_run(step) && knows_below(step);
      needed = needed || is_run(step);
    }
    const auto* base = std::get_if<StageInput>(&plan.inputs[stage.base]);
    if (needed && base) needed_at_end.insert(base->stage);
  }
}

}  // namespace imgb
