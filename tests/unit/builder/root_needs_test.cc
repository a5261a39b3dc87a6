#include "builder/root_needs.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

/// Stages as words of letters: C COPY, L COPY --link, W WORKDIR, R RUN. Each begins with the stage of the given number,
/// or with nothing.
BuildPlan plan_of(const std::vector<std::pair<std::string, std::optional<std::size_t>>>& stages) {
  BuildPlan plan;
  plan.inputs.emplace_back(ScratchInput{});
  for (std::size_t i = 0; i < stages.size(); ++i) {
    StagePlan stage;
    stage.index = i;
    if (stages[i].second) {
      stage.base = plan.inputs.size();
      plan.inputs.emplace_back(StageInput{*stages[i].second});
    }
    for (char letter : stages[i].first) {
      BuildStep step;
      if (letter == 'R') step.action = RunStep{};
      if (letter == 'W') step.action = WorkdirStep{};
      if (letter == 'C') step.action = CopyStep{};
      if (letter == 'L') step.action = CopyStep{.link = true};
      stage.steps.push_back(std::move(step));
    }
    plan.stages.emplace(i, std::move(stage));
  }
  return plan;
}

/// One letter per step: + when it unpacks.
std::string marks(BuildPlan plan, std::size_t stage) {
  mark_root_needs(plan);
  std::string out;
  for (const BuildStep& step : plan.stages.at(stage).steps) out += step.unpacks ? '+' : '-';
  return out;
}

TEST(RootNeeds, CopiesBeforeARunAreNeededThoseBehindItAreNot) {
  EXPECT_EQ(marks(plan_of({{"CWCRCW", {}}}), 0), "+++---");
  EXPECT_EQ(marks(plan_of({{"CRCRC", {}}}), 0), "+-+--");
}

TEST(RootNeeds, WithoutARunNothingIsUnpacked) { EXPECT_EQ(marks(plan_of({{"CWCL", {}}}), 0), "----"); }

TEST(RootNeeds, AStageThatBeginsWithAnotherNeedsAllOfIt) {
  auto plan = plan_of({{"CC", {}}, {"W", 0}, {"CR", 1}, {"C", 0}});
  EXPECT_EQ(marks(plan, 0), "++");
  EXPECT_EQ(marks(plan, 1), "+");
  EXPECT_EQ(marks(plan, 2), "+-");
  EXPECT_EQ(marks(plan, 3), "-");
}

TEST(RootNeeds, ALinkedCopyDoesNotKnowWhatIsBelowIt) { EXPECT_EQ(marks(plan_of({{"CLR", {}}}), 0), "+--"); }

}  // namespace
}  // namespace imgb
