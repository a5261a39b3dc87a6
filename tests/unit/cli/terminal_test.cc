#include "cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace imgb {
namespace {

using testing::ElementsAre;

std::vector<std::string> lines_of(std::string_view bytes, bool keep_color = false, bool redraw = false,
                                  std::size_t piece = 1000000) {
  std::vector<std::string> lines;
  LineCleaner cleaner(keep_color, redraw);
  auto keep = [&](std::string line) { lines.push_back(std::move(line)); };
  for (std::size_t at = 0; at < bytes.size(); at += piece) cleaner.feed(bytes.substr(at, piece), keep);
  cleaner.finish(keep);
  return lines;
}

TEST(LineCleaner, SplitsLinesAndKeepsAnUnfinishedOne) {
  EXPECT_THAT(lines_of("a\nb\r\n\nc"), ElementsAre("a", "b", "", "c"));
}

TEST(LineCleaner, RemovesEverySequenceThatATerminalWouldObey) {
  EXPECT_THAT(lines_of("a\x1b]52;c;ZXZpbA==\ab\n"), ElementsAre("ab"));          // OSC 52 writes the clipboard
  EXPECT_THAT(lines_of("a\x1b]0;title\x1b\\b\n"), ElementsAre("ab"));            // window title
  EXPECT_THAT(lines_of("a\x1b[2Jb\x1b[1;1Hc\n"), ElementsAre("abc"));            // clear, move
  EXPECT_THAT(lines_of("a\x1bP1$r\x1b\\b\x1b^x\x1b\\c\n"), ElementsAre("abc"));  // DCS, PM
  EXPECT_THAT(lines_of("a\ab\bc\x7f"
                       "d\x0e\n"),
              ElementsAre("abcd"));
  EXPECT_THAT(lines_of("a\xc2\x9b"
                       "31mb\n"),
              ElementsAre("a\xEF\xBF\xBD"
                          "31mb"));  // C1 CSI as UTF-8
  EXPECT_THAT(lines_of("a\x1b(0b\x1b"
                       "cd\n"),
              ElementsAre("abd"));
}

TEST(LineCleaner, KeepsColourOnlyWhereAsked) {
  EXPECT_THAT(lines_of("\x1b[1;31mred\x1b[0m\n"), ElementsAre("red"));
  EXPECT_THAT(lines_of("\x1b[1;31mred\x1b[0m\n", true), ElementsAre("\x1b[1;31mred\x1b[0m"));
  EXPECT_THAT(lines_of("\x1b[?25lx\x1b[>4;2m\n", true), ElementsAre("x"));
}

TEST(LineCleaner, HandlesSequencesAndCharactersThatAreCutAnywhere) {
  std::string_view text = "x\x1b]0;t\x1b\\y\x1b[31mz\xc3\xa9\xe2\x82\xac\n";
  for (std::size_t piece = 1; piece < text.size(); ++piece)
    EXPECT_THAT(lines_of(text, true, false, piece), ElementsAre("xy\x1b[31mz\xc3\xa9\xe2\x82\xac")) << piece;
}

TEST(LineCleaner, BytesThatAreNoUtf8BecomeReplacements) {
  EXPECT_THAT(lines_of("a\xff"
                       "b\xc3(\xed\xa0\x80\n"),
              ElementsAre("a\xEF\xBF\xBD"
                          "b\xEF\xBF\xBD(\xEF\xBF\xBD"));
  EXPECT_THAT(lines_of("end\xe2\x82"), ElementsAre("end\xEF\xBF\xBD"));
  EXPECT_THAT(lines_of("\xe2\x80\xae"
                       "evil\n"),
              ElementsAre("\xEF\xBF\xBD"
                          "evil"));  // right-to-left override
}

TEST(LineCleaner, ACarriageReturnBeginsTheLineAgain) {
  EXPECT_THAT(lines_of("10%\r50%\r100%\n"), ElementsAre("10%", "50%", "100%"));
  EXPECT_THAT(lines_of("10%\r50%\r100%\n", false, true), ElementsAre("100%"));
}

TEST(LineCleaner, CutsEndlessLinesWithoutLosingBytes) {
  std::string text(100'000, 'x');
  std::size_t bytes = 0;
  for (const std::string& line : lines_of(text)) {
    EXPECT_LE(line.size(), LineCleaner::kMaxLineBytes);
    bytes += line.size();
  }
  EXPECT_EQ(bytes, text.size());
}

TEST(LineCleaner, AnEndlessSequenceDoesNotHideTheRest) {
  std::string text = "\x1b]0;" + std::string(10'000, 'x') + "\nvisible\n";
  EXPECT_EQ(lines_of(text).back(), "visible");
}

TEST(ClipColumns, CountsWideCharactersTwiceAndColoursNotAtAll) {
  EXPECT_EQ(clip_columns("abcdef", 3), "abc");
  EXPECT_EQ(clip_columns("\xe4\xb8\xad\xe6\x96\x87", 3), "\xe4\xb8\xad");
  EXPECT_EQ(clip_columns("\x1b[31mabc", 2), "\x1b[31mab\x1b[0m");
  EXPECT_EQ(columns_of("\x1b[31ma\xc3\xa9\xe4\xb8\xad"), 4);
}

}  // namespace
}  // namespace imgb
