#include "builder/lower_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Lowered {
  std::map<std::string, std::string> build_args;
  StageStart start{scratch_config(Platform::parse("linux/amd64")), {}};
  LowerOptions options;
  LoweredStage operator()(const std::string& instructions) {
    Dockerfile file = parse_dockerfile("Dockerfile", "FROM scratch\n" + instructions);
    options.build_args = &build_args;
    options.source = file.source;
    options.input_of = [](std::string_view, bool) -> InputId { return 0; };
    return lower_stage(start, file.stages[0], options);
  }
};

std::vector<std::string> history(const ImageConfig& config) {
  std::vector<std::string> out;
  for (const History& entry : config.history) out.push_back(entry.created_by);
  return out;
}
const RunStep& run_of(const LoweredStage& stage, std::size_t i = 0) {
  return std::get<RunStep>(stage.steps.at(i).action);
}

TEST(LowerStage, EnvSeesTheEnvironmentBeforeTheInstruction) {
  auto stage = Lowered()("ENV a=1\nENV a=2 b=$a\n");
  EXPECT_THAT(stage.config.config.env, ElementsAre(HasSubstr("PATH="), "a=2", "b=1"));
}

TEST(LowerStage, ArgIsForStepsNotForTheImage) {
  Lowered lowered;
  lowered.build_args["V"] = "2";
  auto stage = lowered("ARG V=1\nRUN make $V\n");
  EXPECT_THAT(run_of(stage).env, ElementsAre(HasSubstr("PATH="), "V=2"));
  EXPECT_THAT(stage.config.config.env, ElementsAre(HasSubstr("PATH=")));
  EXPECT_THAT(run_of(stage).argv, ElementsAre("/bin/sh", "-c", "make $V"));
  EXPECT_THAT(history(stage.config), ElementsAre("ARG V=2", "RUN |1 V=2 /bin/sh -c make $V # buildkit"));
}

TEST(LowerStage, ArgAfterEnvWinsForStepsAndWarns) {
  auto stage = Lowered()("ENV x=1\nARG x=2\nRUN true\n");
  EXPECT_THAT(run_of(stage).env, ElementsAre(HasSubstr("PATH="), "x=2"));
  EXPECT_THAT(stage.config.config.env, ElementsAre(HasSubstr("PATH="), "x=1"));
  EXPECT_THAT(stage.warnings, ElementsAre(HasSubstr("ARG x replaces")));
}

TEST(LowerStage, EntrypointDropsAnInheritedCommandOnly) {
  Lowered inherited;
  inherited.start.config.config.cmd = {"old"};
  EXPECT_FALSE(inherited("ENTRYPOINT [\"e\"]\n").config.config.cmd);
  Lowered own;
  own.start.config.config.cmd = {"old"};
  EXPECT_THAT(own("CMD [\"new\"]\nENTRYPOINT [\"e\"]\n").config.config.cmd.value(), ElementsAre("new"));
}

TEST(LowerStage, ShellChangesLaterCommands) {
  auto stage = Lowered()("SHELL [\"/bin/bash\", \"-c\"]\nRUN a\nCMD b\n");
  EXPECT_THAT(run_of(stage).argv, ElementsAre("/bin/bash", "-c", "a"));
  EXPECT_THAT(stage.config.config.cmd.value(), ElementsAre("/bin/bash", "-c", "b"));
}

TEST(LowerStage, WorkdirIsJoinedAndRootMakesNoLayer) {
  auto stage = Lowered()("WORKDIR /a\nWORKDIR b/../c\nWORKDIR /\n");
  EXPECT_EQ(stage.config.config.working_dir, "/");
  ASSERT_EQ(stage.steps.size(), 2u);
  EXPECT_EQ(std::get<WorkdirStep>(stage.steps[1].action).path.str(), "/a/c");
  EXPECT_TRUE(stage.config.history[2].empty_layer);
}

TEST(LowerStage, TriggersOfTheBaseRunFirstAndAreConsumed) {
  Lowered lowered;
  lowered.start.config.config.on_build = {"ENV from=trigger", "RUN first"};
  auto stage = lowered("RUN second\nONBUILD RUN later\n");
  EXPECT_EQ(run_of(stage, 0).argv.back(), "first");
  EXPECT_EQ(run_of(stage, 1).argv.back(), "second");
  EXPECT_THAT(stage.config.config.on_build, ElementsAre("RUN later"));
  EXPECT_EQ(stage.steps[0].lines, LineRange());
}

TEST(LowerStage, HeredocAloneIsRunByTheShell) {
  EXPECT_EQ(run_of(Lowered()("RUN <<EOF\necho a\necho b\nEOF\n")).argv.back(), "echo a\necho b\n");
}

TEST(LowerStage, HeredocScriptIsAFile) {
  auto stage = Lowered()("RUN <<EOF\n#!/usr/bin/env python\nprint(1)\nEOF\n");
  EXPECT_EQ(run_of(stage).argv.back(), "/dev/pipes/EOF");
  EXPECT_EQ(run_of(stage).script.value().content, "#!/usr/bin/env python\nprint(1)\n");
}

TEST(LowerStage, OtherHeredocsAreLeftToTheShell) {
  EXPECT_EQ(run_of(Lowered()("RUN cat <<EOF > /x\nhi\nEOF\n")).argv.back(), "cat <<EOF > /x\nhi\nEOF");
}

TEST(LowerStage, ProxiesReachRunsUndeclared) {
  Lowered lowered;
  lowered.build_args = {{"http_proxy", "http://p"}, {"OTHER", "x"}};
  auto stage = lowered("RUN a\nARG http_proxy\nRUN b\n");
  EXPECT_THAT(run_of(stage, 0).proxies, ElementsAre("HTTP_PROXY=http://p", "http_proxy=http://p"));
  EXPECT_THAT(run_of(stage, 1).proxies, ElementsAre("HTTP_PROXY=http://p"));
  EXPECT_THAT(run_of(stage, 1).env, ::testing::Contains("http_proxy=http://p"));
}

TEST(LowerStage, MountTargetsAreInsideAndNotTheSandboxsOwn) {
  for (const char* target : {"/", "/proc", "/proc/self", "/sys/fs", "/dev", "../.."}) {
    EXPECT_THROW(Lowered()(fmt::format("RUN --mount=type=tmpfs,target={} true\n", target)), Error) << target;
  }
  auto stage = Lowered()("WORKDIR /w\nRUN --mount=type=cache,target=rel true\n");
  EXPECT_EQ(run_of(stage, 1).mounts[0].target.str(), "/w/rel");
  EXPECT_EQ(std::get<run_mount::Cache>(run_of(stage, 1).mounts[0].mount).id, "/w/rel");
}

TEST(LowerStage, HostNetworkAndPrivilegesMustBeAllowed) {
  EXPECT_THROW(Lowered()("RUN --network=host true\n"), Error);
  EXPECT_THROW(Lowered()("RUN --security=insecure true\n"), Error);
  Lowered allowed;
  allowed.options.allow_host_network = true;
  EXPECT_EQ(run_of(allowed("RUN --network=host true\n")).network, NetworkMode::host);
}

TEST(LowerStage, CopyIsExpandedAndDescribed) {
  auto stage = Lowered()("ENV d=/data n=a\nCOPY --chown=1:2 $n.txt b $d/\n");
  const auto& copy = std::get<CopyStep>(stage.steps[0].action);
  EXPECT_EQ(copy.sources[0], "a.txt");
  EXPECT_EQ(copy.to.path.str(), "/data");
  EXPECT_TRUE(copy.to.folder);
  EXPECT_EQ(copy.chown, "1:2");
}

TEST(LowerStage, HeredocOfCopyExpandsUnlessQuoted) {
  auto stage = Lowered()("ENV v=1\nCOPY <<a <<'b' /d/\n$v\na\n$v\nb\n");
  const auto& copy = std::get<CopyStep>(stage.steps[0].action);
  ASSERT_EQ(copy.heredocs.size(), 2u);
  EXPECT_EQ(copy.heredocs[0].content, "1\n");
  EXPECT_EQ(copy.heredocs[1].content, "$v\n");
}

TEST(LowerStage, TriggersExpandWithTheEscapeOfTheFile) {
  Lowered lowered;
  lowered.options.escape = '`';
  lowered.start.config.config.on_build = {R"(ENV A=x\y B="q\z" C=a`b)", R"(WORKDIR /w\x)"};
  auto stage = lowered("");
  EXPECT_THAT(stage.config.config.env, ElementsAre(HasSubstr("PATH="), R"(A=x\y)", R"(B=q\z)", "C=ab"));
  EXPECT_EQ(stage.config.config.working_dir, R"(/w\x)");
}

TEST(LowerStage, HeredocThatBecomesAFileIsNamedLikeOne) {
  for (const char* file : {"RUN <<a/b\n#!/bin/sh\na/b\n", "COPY <<a/b /d/\nx\na/b\n", "COPY <<.. /d/\nx\n..\n"}) {
    try {
      Lowered()(file);
      ADD_FAILURE() << file;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input) << file;
      EXPECT_THAT(e.what(), HasSubstr("cannot become a file")) << file;
    }
  }
  EXPECT_THAT(run_of(Lowered()("RUN <<a/b\necho\na/b\n")).argv, ElementsAre("/bin/sh", "-c", "echo\n"));
}

}  // namespace
}  // namespace imgb
