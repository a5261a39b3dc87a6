#include "cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

using testing::ElementsAre;

struct Typed {
  Typed() {
    flags.boolean(quiet, "q,quiet", "");
    flags.boolean(interactive, "i,interactive", "");
    flags.list(env, "e,env", "K=V", "");
    flags.text(file, "f,file", "FILE", "");
    flags.text(entrypoint, "entrypoint", "COMMAND", "");
    flags.number(jobs, "jobs", "N", "");
    flags.size(memory, "m,memory", "");
    flags.choice(mode, "mode", {"fast", "slow"}, "");
  }
  Flags flags;
  bool quiet = false, interactive = false;
  std::vector<std::string> env;
  std::string file, mode;
  std::optional<std::string> entrypoint;
  std::optional<std::uint64_t> jobs, memory;
};

struct Build : Typed {
  Build() { flags.argument(context, "CONTEXT"); }
  Flags::Parsed parse(std::vector<std::string> words) { return flags.parse(words); }
  std::string context;
};

struct RunVerb : Typed {
  RunVerb() {
    flags.argument(image, "IMAGE");
    flags.command(command, "COMMAND", 0);
  }
  void parse(std::vector<std::string> words) { flags.parse(words); }
  std::string image;
  std::vector<std::string> command;
};

TEST(Flags, TakesEverySpellingThatDockerTakes) {
  Build build;
  build.parse({"-e", "A=1", "--env=B=2", "-eC=3", "-e=D=4", "--env", "E=5", "-qi", "-f", "x", ".", "--file=y"});
  EXPECT_THAT(build.env, ElementsAre("A=1", "B=2", "C=3", "D=4", "E=5"));
  EXPECT_TRUE(build.quiet && build.interactive);
  EXPECT_EQ(build.file, "y");
  EXPECT_EQ(build.context, ".");
}

TEST(Flags, AnEmptyValueAfterEqualsIsAValue) {
  Build build;
  build.parse({"--entrypoint=", "."});
  EXPECT_EQ(build.entrypoint, "");
  EXPECT_EQ(build.context, ".");
}

TEST(Flags, AValueMayLookLikeAFlag) {
  Build build;
  build.parse({"-f", "-", "--env", "--file", "."});
  EXPECT_EQ(build.file, "-");
  EXPECT_THAT(build.env, ElementsAre("--file"));
}

TEST(Flags, ADashAloneIsAnArgument) {
  Build build;
  build.parse({"-"});
  EXPECT_EQ(build.context, "-");
}

TEST(Flags, BooleansTakeFalse) {
  Build build;
  build.parse({"-q", "--quiet=false", "."});
  EXPECT_FALSE(build.quiet);
  EXPECT_THROW(Build().parse({"--quiet=maybe", "."}), Error);
}

TEST(Flags, NothingIsAFlagAfterTwoDashes) {
  Build build;
  build.parse({"--", "-q"});
  EXPECT_FALSE(build.quiet);
  EXPECT_EQ(build.context, "-q");
}

TEST(Flags, FlagsOfTheCommandBelongToTheCommand) {
  RunVerb run;
  run.parse({"-i", "busybox", "ls", "-q", "--", "--env=x"});
  EXPECT_TRUE(run.interactive);
  EXPECT_FALSE(run.quiet);
  EXPECT_EQ(run.image, "busybox");
  EXPECT_THAT(run.command, ElementsAre("ls", "-q", "--", "--env=x"));
}

TEST(Flags, NumbersSizesAndChoicesAreChecked) {
  Build build;
  build.parse({"--jobs", "3", "-m", "2k", "--mode=slow", "."});
  EXPECT_EQ(build.jobs, 3u);
  EXPECT_EQ(build.memory, 2048u);
  EXPECT_EQ(build.mode, "slow");
  for (const char* bad : {"--jobs=x", "--memory=lots", "--mode=fats"}) EXPECT_THROW(Build().parse({bad, "."}), Error);
}

Error failure_of(std::vector<std::string> words) {
  try {
    Build().parse(std::move(words));
  } catch (const Error& e) {
    return e;
  }
  return Error(ErrorKind::internal, "no failure");
}

TEST(Flags, ATypoGetsASuggestion) {
  Error error = failure_of({"--quite", "."});
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_EQ(error.message(), "unknown flag --quite");
  EXPECT_EQ(error.hint(), "did you mean --quiet?");
  EXPECT_EQ(failure_of({"--mode=fats", "."}).hint(), "did you mean fast?");
}

TEST(Flags, SaysWhatIsMissingOrTooMuch) {
  EXPECT_STREQ(failure_of({}).what(), "CONTEXT is missing");
  EXPECT_STREQ(failure_of({"a", "b"}).what(), "unexpected argument \"b\"");
  EXPECT_STREQ(failure_of({".", "--file"}).what(), "--file needs a value");
  EXPECT_STREQ(failure_of({"-qx", "."}).what(), "unknown flag -x");
}

TEST(Flags, HelpIsKnownToEveryVerbAndNeedsNoArguments) {
  EXPECT_EQ(Build().parse({"--help"}), Flags::Parsed::help);
  EXPECT_EQ(Build().parse({"-h"}), Flags::Parsed::help);
}

TEST(Flags, UsageNamesArgumentsInOrder) {
  EXPECT_EQ(Build().flags.usage(), "[OPTIONS] CONTEXT");
  EXPECT_EQ(RunVerb().flags.usage(), "[OPTIONS] IMAGE [COMMAND...]");
}

}  // namespace
}  // namespace imgb
