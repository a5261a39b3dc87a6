#include "cli/screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/error.h"

namespace imgb {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct Drawn {
  std::string text;
  std::chrono::steady_clock::time_point time{};
  WriteText write = [this](std::string_view more) { text += more; };
  Clock clock = [this] { return time; };
};

TEST(PlainScreen, WritesBuildKitsLines) {
  Drawn drawn;
  auto screen = make_plain_screen(drawn.write, drawn.clock);
  {
    Activity first(*screen, "[1/2] FROM busybox");
    first.cached();
    Activity second(*screen, "[2/2] RUN make");
    drawn.time += 1500ms;
    second.log("one\ntw");
    second.log("o\n");
    drawn.time += 500ms;
    second.done();
  }
  screen->close();
  EXPECT_EQ(drawn.text,
            "#1 [1/2] FROM busybox\n"
            "#1 CACHED\n"
            "\n"
            "#2 [2/2] RUN make\n"
            "#2 1.500 one\n"
            "#2 1.500 two\n"
            "#2 DONE 2.0s\n");
}

TEST(PlainScreen, RepeatsTheLabelWhereAnotherActivitySpeaks) {
  Drawn drawn;
  auto screen = make_plain_screen(drawn.write, drawn.clock);
  Activity first(*screen, "a"), second(*screen, "b");
  first.note("x");
  EXPECT_EQ(drawn.text, "#1 a\n#1 ...\n\n#2 b\n#2 ...\n\n#1 a\n#1 x\n");
}

TEST(PlainScreen, ShowsTheLastLinesOfAFailedStepAtTheEnd) {
  Drawn drawn;
  auto screen = make_plain_screen(drawn.write, drawn.clock);
  {
    Activity step(*screen, "[2/2] RUN false");
    step.log("why\n");
    step.failed("exit code: 1");
  }
  screen->close();
  EXPECT_THAT(drawn.text, HasSubstr("#1 ERROR: exit code: 1\n"));
  EXPECT_TRUE(drawn.text.ends_with("------\n > [2/2] RUN false:\nwhy\n------\n"));
}

TEST(PlainScreen, NothingUnfinishedIsCalledDone) {
  Drawn drawn;
  auto screen = make_plain_screen(drawn.write, drawn.clock);
  { Activity step(*screen, "x"); }
  EXPECT_THAT(drawn.text, HasSubstr("#1 CANCELED"));
}

TEST(PlainScreen, HostileTextIsHarmless) {
  Drawn drawn;
  auto screen = make_plain_screen(drawn.write, drawn.clock);
  Activity step(*screen, "evil\x1b]0;t\a label\nfake");
  step.log("\x1b[31mred\x1b[2J\x1b]52;c;x\a\n");
  step.note("note\x1b[2J");
  screen->warn("warn\x1b[2J\r");
  EXPECT_THAT(drawn.text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(drawn.text, Not(HasSubstr("\nfake")));
  EXPECT_THAT(drawn.text, HasSubstr(" red\n"));
}

TEST(PlainScreen, LogsAreNeverClipped) {
  Drawn drawn;
  auto screen = make_plain_screen(drawn.write, drawn.clock);
  Activity step(*screen, "x");
  for (int i = 0; i < 50'000; ++i) step.log("0123456789012345678901234567890123456789012345678901234567890123\n");
  EXPECT_GT(drawn.text.size(), 50'000u * 65);
}

TEST(JsonScreen, EachLineIsOneEvent) {
  Drawn drawn;
  auto screen = make_json_screen(drawn.write, drawn.clock);
  {
    Activity step(*screen, "x");
    step.log("a\xff\x1b[31m\n");
    step.bytes("layer", 5, 10);
    step.failed("no");
  }
  std::istringstream lines(drawn.text);
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0]["label"], "x");
  EXPECT_EQ(events[1]["text"], "a\xEF\xBF\xBD\x1b[31m\n");
  EXPECT_EQ(events[2]["total"], 10);
  EXPECT_EQ(events[3]["outcome"], "failed");
  EXPECT_THAT(drawn.text, Not(HasSubstr("\x1b")));
}

TEST(QuietScreen, SpeaksOnlyOfWarningsAndFailures) {
  Drawn drawn;
  auto screen = make_quiet_screen(drawn.write, drawn.clock);
  {
    Activity good(*screen, "good"), bad(*screen, "bad");
    good.log("fine\n");
    bad.log("broken\nwithout an end");
    good.done();
    bad.failed("x");
  }
  screen->warn("careful");
  EXPECT_EQ(drawn.text, "------\n > bad:\nbroken\nwithout an end\n------\nWARNING: careful\n");
}

TEST(TtyScreen, LastFrameShowsEveryActivityAndLeavesTheCursorBelow) {
  Drawn drawn;
  auto screen = make_tty_screen(drawn.write, drawn.clock, {true, 60, 24, false});
  {
    Activity step(*screen, "[1/1] RUN x");
    step.log("\x1b]0;t\asaid\n");
    step.done();
  }
  screen->close();
  EXPECT_THAT(drawn.text, HasSubstr(" => [1/1] RUN x"));
  EXPECT_THAT(drawn.text, Not(HasSubstr("\x1b]")));
  EXPECT_TRUE(drawn.text.ends_with("\x1b[?7h"));
}

TEST(Screen, UnknownModesAreRefused) {
  EXPECT_THROW(make_screen("fancy", {}), Error);
  EXPECT_THROW(make_screen("tty", {.is_tty = false}), Error);
}

TEST(Transfer, TellsRateAndTimeLeft) {
  EXPECT_EQ(render_transfer(1'000'000, 3'000'000, 2.0), "1.0 MB / 3.0 MB, 500.0 kB/s, 4 s left");
  EXPECT_EQ(render_transfer(3'000'000, 3'000'000, 2.0), "3.0 MB / 3.0 MB");
}

}  // namespace
}  // namespace imgb
