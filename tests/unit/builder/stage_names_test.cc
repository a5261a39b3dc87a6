#include "builder/stage_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/global_scope.h"
#include "core/base/error.h"

namespace imgb {
namespace {

using ::testing::ElementsAre;

Dockerfile file(std::string text) { return parse_dockerfile("Dockerfile", std::move(text)); }

TEST(StageNames, UnneededStagesAreNotNeeded) {
  auto f = file(
      "FROM a AS one\nFROM b AS two\nRUN x\nFROM c AS three\nCOPY --from=one /x /\nFROM d AS four\n"
      "RUN --mount=from=three,target=/m y\n");
  EXPECT_THAT(StageNames(f).needed_stages(3, {}, {}), ElementsAre(0, 2, 3));
  EXPECT_THAT(StageNames(f).needed_stages(1, {}, {}), ElementsAre(1));
  EXPECT_THAT(StageNames(f).needed_stages(2, {}, {2}), ElementsAre(2)) << "a named context stands for the stage";
}

TEST(StageNames, CopyCountsStagesByIndexMountsDoNot) {
  auto f = file("FROM a\nFROM b AS two\nFROM c\n");
  EXPECT_EQ(StageNames(f).find_from("0", 2, true), 0u);
  EXPECT_EQ(StageNames(f).find_from("0", 2, false), std::nullopt);
  EXPECT_EQ(StageNames(f).find_from("TWO", 2, true), 1u);
  EXPECT_THROW(StageNames(f).find_from("2", 2, true), Error);
  EXPECT_THROW(StageNames(f).find_from("two", 1, true), Error);
}

TEST(StageNames, TargetIsFoundInAnyCaseAndSuggested) {
  auto f = file("FROM a AS builder\nFROM b\n");
  EXPECT_EQ(StageNames(f).find_target(""), 1u);
  EXPECT_EQ(StageNames(f).find_target("Builder"), 0u);
  try {
    StageNames(f).find_target("biulder");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "target stage \"biulder\" could not be found (did you mean builder?)");
  }
}

TEST(GlobalScope, ArgumentsComeFromTheCommandLineThenDefaults) {
  auto f = file("ARG TAG=1\nARG IMAGE=base:${TAG}\nARG NONE\nFROM ${IMAGE}\n");
  auto platform = Platform::parse("linux/arm64");
  auto scope = global_scope(f, {{"TAG", "2"}}, Platform::parse("linux/amd64"), platform, "");
  EXPECT_EQ(base_name(f, 0, scope), "base:2");
  EXPECT_EQ(*scope.find("TARGETARCH"), "arm64");
  EXPECT_EQ(*scope.find("BUILDPLATFORM"), "linux/amd64");
  EXPECT_EQ(*scope.find("TARGETSTAGE"), "default");
  EXPECT_EQ(scope.find("NONE"), nullptr);
}

TEST(GlobalScope, UnusedBuildArgumentsAreNamedWithTheNearest) {
  auto f = file("ARG A\nFROM scratch\nARG VERSION\n");
  EXPECT_THAT(
      unused_arg_warnings({{"A", ""}, {"VERSOIN", "1"}, {"HTTP_PROXY", "x"}, {"TARGETARCH", "x"}}, declared_args(f)),
      ElementsAre("build argument VERSOIN is not used: no ARG declares it (did you mean VERSION?)"));
}

}  // namespace
}  // namespace imgb
