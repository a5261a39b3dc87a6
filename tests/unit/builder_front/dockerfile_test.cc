#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "builder/instructions.h"

namespace imgb {
namespace {

Dockerfile parse(std::string text) { return parse_dockerfile("Dockerfile", std::move(text)); }

/// The one instruction below "FROM a".
template <class T>
T only(const std::string& text) {
  Dockerfile file = parse("FROM a\n" + text);
  EXPECT_EQ(file.stages.at(0).instructions.size(), 1u) << text;
  return std::get<T>(file.stages.at(0).instructions.at(0).what);
}
using Strings = std::vector<std::string>;

TEST(Dockerfile, HasStagesAndGlobalArguments) {
  Dockerfile file = parse(
      "ARG V=1 W\n# builder makes it\nFROM --platform=$BUILDPLATFORM a:$V as Builder\nRUN x\nFROM builder\nUSER u\n");
  ASSERT_EQ(file.global_args.size(), 2u);
  EXPECT_EQ(file.global_args[0].arg.value, Word{"1"});
  EXPECT_EQ(file.global_args[1].arg.value, std::nullopt);
  ASSERT_EQ(file.stages.size(), 2u);
  EXPECT_EQ(file.stages[0].name, "builder");
  EXPECT_EQ(file.stages[0].base.raw, "a:$V");
  EXPECT_EQ(file.stages[0].platform, Word{"$BUILDPLATFORM"});
  EXPECT_EQ(file.stages[0].lines, (LineRange{3, 3}));
  EXPECT_EQ(file.stages[0].comments, Strings{"builder makes it"});
  EXPECT_EQ(file.stages[0].instructions.size(), 1u);
  EXPECT_EQ(file.stages[1].name, "");
  EXPECT_EQ(file.stages[1].platform, std::nullopt);
}

TEST(Dockerfile, ReadsRun) {
  imgb::Run run =
      only<imgb::Run>("RUN --network=none --security=insecure --mount=type=cache,target=/c --mount=target=/b a b");
  EXPECT_FALSE(run.command.exec_form);
  EXPECT_EQ(run.command.args, Strings{"a b"});
  EXPECT_EQ(run.network, RunNetwork::none);
  EXPECT_EQ(run.security, RunSecurity::insecure);
  EXPECT_EQ(run.mounts.size(), 2u);
  run = only<imgb::Run>("RUN [\"a\", \"b\"]");
  EXPECT_TRUE(run.command.exec_form);
  EXPECT_EQ(run.command.args, (Strings{"a", "b"}));
  EXPECT_EQ(run.network, std::nullopt);
  EXPECT_EQ(only<imgb::Run>("RUN --network=default x").network, RunNetwork::standard);
  EXPECT_EQ(only<imgb::Run>("RUN").command.args, Strings{""});
}

TEST(Dockerfile, ReadsCopyAndAdd) {
  Copy copy = only<Copy>(
      "COPY --from=b --chown=$u:g --chmod=u=rwX --link --parents=TRUE --exclude=*.a --exclude=$b s1 <<E s2 d/\nx\nE");
  EXPECT_EQ(copy.from, "b");
  EXPECT_EQ(copy.chown, Word{"$u:g"});
  EXPECT_EQ(copy.chmod, Word{"u=rwX"});
  EXPECT_TRUE(copy.link);
  EXPECT_TRUE(copy.parents);
  EXPECT_EQ(copy.exclude, (Strings{"*.a", "$b"}));
  EXPECT_EQ(copy.sources, (std::vector<Word>{{"s1"}, {"s2"}}));
  EXPECT_EQ(copy.destination.raw, "d/");
  ASSERT_EQ(copy.heredocs.size(), 1u);
  EXPECT_EQ(copy.heredocs[0].content, "x\n");
  EXPECT_FALSE(only<Copy>("COPY --link=false a b").link);
  EXPECT_EQ(only<Copy>("COPY [\"a b\", \"c\"]").sources, (std::vector<Word>{{"a b"}}));

  Add add = only<Add>("ADD --checksum=sha256:$x --unpack=false --keep-git-dir a b");
  EXPECT_EQ(add.checksum, Word{"sha256:$x"});
  EXPECT_EQ(add.unpack, false);
  EXPECT_EQ(only<Add>("ADD a b").unpack, std::nullopt);
  EXPECT_EQ(only<Add>("ADD --unpack a b").unpack, true);
}

TEST(Dockerfile, ReadsMetadata) {
  EXPECT_EQ(only<Env>("ENV a=b").pairs.at(0).value.raw, "b");
  EXPECT_EQ(only<Label>("LABEL \"a b\"=c").pairs.at(0).key.raw, "\"a b\"");
  EXPECT_EQ(only<Arg>("ARG a= b").args.at(0).value, Word{""});
  EXPECT_EQ(only<Arg>("ARG a= b").args.at(1).value, std::nullopt);
  EXPECT_EQ(only<Cmd>("CMD a b").command.args, Strings{"a b"});
  EXPECT_TRUE(only<Entrypoint>("ENTRYPOINT []").command.exec_form);
  EXPECT_TRUE(only<Entrypoint>("ENTRYPOINT []").command.args.empty());
  EXPECT_EQ(only<Expose>("EXPOSE 90 $p 80/udp").ports, (std::vector<Word>{{"$p"}, {"80/udp"}, {"90"}}));
  EXPECT_EQ(only<User>("USER  a  b").user.raw, "a  b");
  EXPECT_EQ(only<Workdir>("WORKDIR $a/b").path.raw, "$a/b");
  EXPECT_EQ(only<Volume>("VOLUME [\" /a \"]").paths, (std::vector<Word>{{"/a"}}));
  EXPECT_EQ(only<StopSignal>("STOPSIGNAL $s").signal.raw, "$s");
  EXPECT_EQ(only<Shell>("SHELL [\"a\", \"-c\"]").argv, (Strings{"a", "-c"}));
  EXPECT_EQ(only<Onbuild>("ONBUILD  run  x").trigger, "run  x");
  EXPECT_EQ(only<Maintainer>("MAINTAINER me \"x\"").name, "me \"x\"");
}

TEST(Dockerfile, ReadsHealthchecks) {
  auto check = only<HealthcheckInstruction>(
      "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=0 --start-interval=2s --retries=3 CMD a  b");
  EXPECT_EQ(check.test, (Strings{"CMD-SHELL", "a  b"}));
  EXPECT_EQ(check.interval, 90'000'000'000);
  EXPECT_EQ(check.timeout, 500'000'000);
  EXPECT_EQ(check.start_period, 0);
  EXPECT_EQ(check.start_interval, 2'000'000'000);
  EXPECT_EQ(check.retries, 3);
  EXPECT_EQ(only<HealthcheckInstruction>("HEALTHCHECK cmd [\"a\"]").test, (Strings{"CMD", "a"}));
  EXPECT_EQ(only<HealthcheckInstruction>("HEALTHCHECK --any=thing none").test, Strings{"NONE"});
}

std::string message_of(const std::string& text) {
  try {
    Dockerfile file = parse(text);
    for (const Stage& stage : file.stages) {
      for (const Instruction& instruction : stage.instructions) {
        const auto* run = std::get_if<Run>(&instruction.what);
        if (run == nullptr) continue;
        for (const MountSpec& mount : run->mounts) resolve_mount(mount, [](const Word& word) { return word.raw; });
      }
    }
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

TEST(Dockerfile, RefusesWhatBuildKitRefuses) {
  struct Case {
    std::string text, message;
  };
  // Found by building each of them with BuildKit 0.25.
  const Case cases[] = {
      {"COPY --form=x a b", "unknown flag: --form (did you mean from?)"},
      {"COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"},
      {"COPY --link= a b", "missing a value on flag: --link"},
      {"COPY --from a b", "missing a value on flag: --from"},
      {"COPY --from=a --from=b a b", "duplicate flag specified: --from"},
      {"COPY a",
       "COPY requires at least two arguments, but only one was provided. Destination could not be determined"},
      {"ADD", "ADD requires at least two arguments, but only one was provided. Destination could not be determined"},
      {"COPY --from=$x a b",
       "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a "
       "workaround"},
      {"COPY a <<E\nE", "COPY cannot accept a heredoc as a destination"},
      {"RUN --mount=from=$x,target=/x true", "'from' doesn't support variable expansion, define alias stage instead"},
      {"RUN --mount=\"type=bind,\\\"a true", "failed to parse csv mounts: extraneous or missing \" in quoted-field"},
      {"RUN --network=foo true", "invalid network mode \"foo\""},
      {"RUN --security=foo true", "invalid security mode \"foo\""},
      {"ENV", "ENV requires at least one argument"},
      {"ENV =b", "ENV names can not be blank"},
      {"ARG", "ARG requires at least one argument"},
      {"ARG =b", "ARG names can not be blank"},
      {"LABEL", "LABEL requires at least one argument"},
      {"LABEL --x=y a=b", "unknown flag: --x"},
      {"EXPOSE", "EXPOSE requires at least one argument"},
      {"USER", "USER requires exactly one argument"},
      {"WORKDIR", "WORKDIR requires exactly one argument"},
      {"WORKDIR --x=y a", "unknown flag: --x"},
      {"VOLUME", "VOLUME requires at least one argument"},
      {"VOLUME [\"\"]", "VOLUME specified can not be an empty string"},
      {"STOPSIGNAL", "STOPSIGNAL requires exactly one argument"},
      {"SHELL /bin/sh -c", "SHELL requires the arguments to be in JSON form"},
      {"SHELL []", "SHELL requires at least one argument"},
      {"HEALTHCHECK", "HEALTHCHECK requires at least one argument"},
      {"HEALTHCHECK FOO x", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)"},
      {"HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"},
      {"HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"},
      {"HEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms"},
      {"HEALTHCHECK --timeout=-1s CMD x", "Interval \"timeout\" cannot be less than 1ms"},
      {"HEALTHCHECK --interval=1x CMD x", "invalid duration \"1x\" of --interval"},
      {"HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"},
      {"ONBUILD", "ONBUILD requires at least one argument"},
      {"ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
      {"ONBUILD from x", "FROM isn't allowed as an ONBUILD trigger"},
      {"ONBUILD MAINTAINER x", "MAINTAINER isn't allowed as an ONBUILD trigger"},
      {"MAINTAINER", "MAINTAINER requires exactly one argument"},
      {"FRM x", "unknown instruction: FRM (did you mean FROM?)"},
      {"XYZZY x", "unknown instruction: XYZZY"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(message_of("FROM a\n" + c.text), "dockerfile parse error on line 2: " + c.message);
  }
  EXPECT_EQ(message_of("FROM a\nONBUILD FOO x"), "no error") << "found only when it triggers";
}

TEST(Dockerfile, RefusesBadStages) {
  const std::pair<std::string, std::string> cases[] = {
      {"FROM", "FROM requires either one or three arguments"},
      {"FROM a b", "FROM requires either one or three arguments"},
      {"FROM a is b", "FROM requires either one or three arguments"},
      {"FROM a AS 1a", "invalid name for build stage: \"1a\", name can't start with a number or contain symbols"},
      {"FROM a AS a/b", "invalid name for build stage: \"a/b\", name can't start with a number or contain symbols"},
      {"FROM --platfrom=x a", "unknown flag: --platfrom (did you mean platform?)"},
      {"RUN x\nFROM a", "no build stage in current context"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(message_of(text), "dockerfile parse error on line 1: " + message);
  }
  EXPECT_EQ(message_of("ARG a=1"), "dockerfile contains no stages to build");
}

TEST(Dockerfile, ErrorsKnowAllLinesOfTheInstruction) {
  try {
    parse("FROM a\nCOPY --form=b \\\n  c \\\n  d\n");
    FAIL();
  } catch (const DockerfileError& e) {
    EXPECT_EQ(e.locations().at(0).lines, (LineRange{2, 4}));
    EXPECT_EQ(e.source()->name, "Dockerfile");
  }
}

TEST(Dockerfile, TriggersAreInstructionsOfTheirOwn) {
  Instruction trigger = parse_trigger("copy --chmod=600 <<-E /e\n\tx $a\nE");
  const Copy& copy = std::get<Copy>(trigger.what);
  EXPECT_EQ(copy.heredocs.at(0).name, "E");
  EXPECT_EQ(body_of(copy.heredocs.at(0)), "x $a\n");
  EXPECT_THROW(parse_trigger("ONBUILD RUN x"), Error);
  EXPECT_THROW(parse_trigger("FROM x"), Error);
  EXPECT_THROW(parse_trigger("FOO x"), Error);
  EXPECT_THROW(parse_trigger("RUN x\nRUN y"), Error);
}

TEST(Snippet, ShowsTheLinesAround) {
  SourceText source{"Dockerfile", "FROM busybox\nRUN false\n"};
  EXPECT_EQ(render_snippet(source, {{2, 2}}),
            "Dockerfile:2\n"
            "--------------------\n"
            "   1 |     FROM busybox\n"
            "   2 | >>> RUN false\n"
            "   3 |     \n"
            "--------------------\n");
  EXPECT_EQ(render_snippet({"D", "1\n2\n3\n4\n5\n6\n7"}, {{4, 4}}),
            "D:4\n"
            "--------------------\n"
            "   2 |     2\n"
            "   3 |     3\n"
            "   4 | >>> 4\n"
            "   5 |     5\n"
            "   6 |     6\n"
            "--------------------\n");
  EXPECT_EQ(render_snippet(source, {{9, 9}}), "");
  EXPECT_EQ(render_snippet(source, {}), "");
}

TEST(Snippet, MarksEveryLineAndPointsAtTheColumn) {
  SourceText source{"a\x1b[2Jb", "1\n2\n3\n\tx\x1b[31m\ty\n5\n6\n7\n8\n"};
  EXPECT_EQ(render_snippet(source, {{4, 5}, 8, 4}),
            "a\\x1b[2Jb:4\n"
            "--------------------\n"
            "   3 |     3\n"
            "   4 | >>> \tx\\x1b[31m\ty\n"
            "     |     \t         ^\n"
            "   5 | >>> 5\n"
            "   6 |     6\n"
            "--------------------\n");
}

std::string snippet_of(const std::string& text) {
  try {
    parse(text);
  } catch (const DockerfileError& e) {
    return render_snippet(e);
  }
  return "";
}

TEST(Snippet, PointsAtTheBadWord) {
  EXPECT_THAT(snippet_of("FROM a\nCOPY --link \\\n  --form=b c d"), testing::HasSubstr("   3 | >>>   --form=b c d\n"
                                                                                       "     |       ^\n"));
  EXPECT_THAT(snippet_of("FROM a\n  RNU x"), testing::HasSubstr("   2 | >>>   RNU x\n"
                                                                "     |       ^\n"));
  EXPECT_THAT(snippet_of("FROM a\nENV a=b \xC3\xA9=c d"), testing::HasSubstr("     |" + std::string(17, ' ') + "^\n"));
}

TEST(Snippet, AnErrorShowsAllItsPlaces) {
  auto source = std::make_shared<const SourceText>(SourceText{"D", "FROM a AS x\nFROM b\nFROM c AS x"});
  DockerfileError error(ErrorKind::input, "m", source, {SourceLocation{{1, 1}}, SourceLocation{{3, 3}}});
  std::string shown = render_snippet(error);
  EXPECT_THAT(shown, testing::HasSubstr("   1 | >>> FROM a AS x"));
  EXPECT_THAT(shown, testing::HasSubstr("   3 | >>> FROM c AS x"));
}

TEST(Snippet, AnErrorWithoutPlaceGetsOne) {
  auto source = std::make_shared<const SourceText>(SourceText{"D", "FROM a\n"});
  try {
    at_lines(source, {1, 1}, [] {
      Error plain(ErrorKind::not_found, "no image");
      plain.add_frame("resolving a");
      throw plain.set_hint("pull it");
    });
    FAIL();
  } catch (const DockerfileError& e) {
    EXPECT_EQ(e.kind(), ErrorKind::not_found);
    EXPECT_STREQ(e.what(), "resolving a: no image");
    EXPECT_EQ(e.hint(), "pull it");
    EXPECT_EQ(e.locations().at(0).lines, (LineRange{1, 1}));
  }
}

}  // namespace
}  // namespace imgb
