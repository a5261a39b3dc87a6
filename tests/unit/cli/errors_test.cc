#include "cli/errors.h"

#include <gtest/gtest.h>

#include "builder/dockerfile_error.h"

namespace imgb {
namespace {

TEST(Failure, ShowsMessageAndHint) {
  Error error(ErrorKind::input, "bad thing");
  error.add_frame("pulling x");
  error.set_hint("do this");
  Failure failure = render_failure(error, {});
  EXPECT_EQ(failure.text, "imgb: pulling x: bad thing\nhint: do this\n");
  EXPECT_EQ(failure.exit_code, 1);
}

TEST(Failure, ExitCodesAreTheCommands) {
  FailureOptions docker_run{.failure_code = 125, .usage_code = 125};
  EXPECT_EQ(render_failure(Error(ErrorKind::usage, "x"), {}).exit_code, 2);
  EXPECT_EQ(render_failure(Error(ErrorKind::usage, "x"), docker_run).exit_code, 125);
  EXPECT_EQ(render_failure(Error(ErrorKind::system, "x"), docker_run).exit_code, 125);
  EXPECT_EQ(render_failure(ExitError(Error(ErrorKind::not_found, "x"), 127), docker_run).exit_code, 127);
  EXPECT_EQ(render_failure(Error(ErrorKind::cancelled, "stopped"), {.signal = 2}).exit_code, 130);
}

TEST(Failure, ShowsTheLinesOfTheDockerfile) {
  auto source = std::make_shared<const SourceText>(SourceText{"Dockerfile", "FROM x\nRUM y\n"});
  Failure failure = render_failure(DockerfileError(ErrorKind::input, "unknown", source, {{{2, 2}, 0}}), {});
  EXPECT_NE(failure.text.find("Dockerfile:2\n"), std::string::npos);
  EXPECT_NE(failure.text.find(">>> RUM y"), std::string::npos);
}

TEST(Failure, HostileTextIsHarmless) {
  Failure failure = render_failure(Error(ErrorKind::unavailable, "answer: \x1b]0;x\a\x1b[2J\r"), {});
  EXPECT_EQ(failure.text.find('\x1b'), std::string::npos);
  EXPECT_EQ(failure.text.find('\r'), std::string::npos);
}

TEST(Failure, DebugAddsKindAndFrames) {
  Error error(ErrorKind::corrupt, "x");
  error.add_frame("inner");
  error.add_frame("outer");
  EXPECT_EQ(render_failure(error, {.debug = true}).text,
            "imgb: outer: inner: x\n  kind: corrupt\n  while: inner\n  while: outer\n");
}

TEST(Failure, AReaderThatWentAwayIsNotToldAbout) {
  EXPECT_EQ(render_failure(Error(ErrorKind::cancelled, ""), {}).text, "");
}

}  // namespace
}  // namespace imgb
