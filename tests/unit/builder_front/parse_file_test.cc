#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "builder/debug_json.h"
#include "builder/dockerfile_error.h"
#include "builder/parsed_file.h"

namespace imgb {
namespace {

ParsedFile parse(std::string text) {
  return parse_file(std::make_shared<const SourceText>(SourceText{"Dockerfile", std::move(text)}));
}
RawInstruction only(std::string text) {
  ParsedFile file = parse(std::move(text));
  EXPECT_EQ(file.instructions.size(), 1u);
  return file.instructions.front();
}
using Strings = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(ParseFile, JoinsContinuedLines) {
  EXPECT_EQ(only("RUN a \\\n   b\n").args, Strings{"a    b"});
  EXPECT_EQ(only("RUN a\\\nb\\\nc").args, Strings{"abc"});
  EXPECT_EQ(only("RUN a \\  \t\nb").args, Strings{"a b"}) << "blanks after the mark do not count";
  EXPECT_EQ(only("RUN a \\\n# comment\n  # another\n\n   \nb").args, Strings{"a b"});
  EXPECT_EQ(only("RUN a \\").args, Strings{"a"}) << "a mark at the end of the file";
  EXPECT_EQ(only("RUN a \\\n\\\nb").args, Strings{"a b"}) << "a line that is the mark alone";
  EXPECT_EQ(parse("RUN a\\\\\nUSER b").instructions.size(), 2u) << "an escaped mark is text";
  EXPECT_EQ(parse("RUN a\\\\\\\nUSER b").instructions.size(), 2u) << "and so are three: a known quirk";
  EXPECT_EQ(only("RUN a \\\r\n  b\r\n").args, Strings{"a   b"});
}

TEST(ParseFile, KnowsTheLinesOfAnInstruction) {
  ParsedFile file = parse("\n# c\nFROM a\n\nRUN b \\\n # c\n c\nCOPY <<E /x\none\ntwo\nE\nUSER d");
  ASSERT_EQ(file.instructions.size(), 4u);
  EXPECT_EQ(file.instructions[0].lines, (LineRange{3, 3}));
  EXPECT_EQ(file.instructions[1].lines, (LineRange{5, 7}));
  EXPECT_EQ(file.instructions[2].lines, (LineRange{8, 11}));
  EXPECT_EQ(file.instructions[3].lines, (LineRange{12, 12}));
}

TEST(ParseFile, KeepsTheCommentsAbove) {
  ParsedFile file = parse("# syntax=x\n# one\n#\n#  two  \n\n  # three\nFROM a\nRUN b\n");
  EXPECT_EQ(file.instructions[0].comments, (Strings{"two", "three"}));
  EXPECT_EQ(file.instructions[1].comments, Strings{});
}

TEST(ParseFile, ReadsDirectivesAtTheTopOnly) {
  ParsedFile file = parse("\xEF\xBB\xBF# Syntax = docker/dockerfile:1 \n  #ESCAPE=`\n# check=skip=all\nUSER a`\nb\\\n");
  EXPECT_EQ(file.escape, '`');
  ASSERT_EQ(file.directives.size(), 3u);
  EXPECT_EQ(file.directives[0].name, "syntax");
  EXPECT_EQ(file.directives[0].value, "docker/dockerfile:1");
  EXPECT_EQ(file.directives[2].value, "skip=all");
  EXPECT_EQ(file.instructions.at(0).args, Strings{"ab\\"});
  for (const char* late : {"\n# escape=`\nUSER a", "# x\n# escape=`\nUSER a", "# x=y\n# escape=`\nUSER a",
                           "#!shebang\n# escape=`\nUSER a", "USER a\n# escape=`\n"}) {
    EXPECT_EQ(parse(late).escape, '\\') << late;
  }
}

TEST(ParseFile, SplitsNamesFlagsAndWords) {
  RawInstruction raw = only("  cOpY\t--from=a --chown='b c'\t--x=\"d\\\"e\" --y\\ z  s1\t s2  d \n");
  EXPECT_EQ(raw.name, "COPY");
  EXPECT_EQ(raw.flags, (Strings{"--from=a", "--chown=b c", "--x=d\"e", "--y z"}));
  EXPECT_EQ(raw.args, (Strings{"s1", "s2", "d"}));
  raw = only("COPY --a -- --b c");
  EXPECT_EQ(raw.flags, Strings{"--a"});
  EXPECT_EQ(raw.args, (Strings{"--b", "c"}));
  EXPECT_EQ(only("RUN --mount=type=bind,\\\n  target=/x \\\n  cmd").flags, Strings{"--mount=type=bind,"})
      << "the blanks of a continued line end the flag";
  EXPECT_EQ(only("WORKDIR /a  b ").args, Strings{"/a  b"});
  EXPECT_EQ(only("EXPOSE 1  2\t3").args, (Strings{"1", "2", "3"}));
  EXPECT_EQ(only("ARG a b=\"c d\" e='f g' h\\ i").args, (Strings{"a", "b=\"c d\"", "e='f g'", "h\\ i"}));
  EXPECT_EQ(only("FOO --x y z").name, "FOO");
  EXPECT_EQ(only("FOO --x y z").args, Strings{}) << "unknown instructions have no grammar";
}

TEST(ParseFile, TellsExecFormFromShellForm) {
  RawInstruction raw = only(R"(CMD  [ "a" ,"b\u00e9\/\t" ] )");
  EXPECT_TRUE(raw.json);
  EXPECT_EQ(raw.args, (Strings{"a", "b\xC3\xA9/\t"}));
  EXPECT_TRUE(only("CMD []").json);
  EXPECT_EQ(only("CMD []").args, Strings{});
  for (std::string text : {"['a']", "[\"a\"] x", "[", "[\"a\",]", "[a]", "{\"a\": 1}", "\"a\""}) {
    raw = only("CMD " + text);
    EXPECT_FALSE(raw.json) << text;
    EXPECT_EQ(raw.args, Strings{text});
  }
  EXPECT_EQ(only("VOLUME [\"/a b\", \"/c\"]").args, (Strings{"/a b", "/c"}));
  EXPECT_EQ(only("VOLUME /a /b").args, (Strings{"/a", "/b"}));
  raw = only("HEALTHCHECK --interval=5s  cmd  [\"a\", \"b\"]");
  EXPECT_TRUE(raw.json);
  EXPECT_EQ(raw.args, (Strings{"cmd", "a", "b"}));
  EXPECT_EQ(only("HEALTHCHECK CMD a   b").args, (Strings{"CMD", "a   b"}));
}

TEST(ParseFile, ReadsPairs) {
  EXPECT_EQ(only("ENV a=b c=\"d e\" f='g'\\ h").pairs, (Pairs{{"a", "b"}, {"c", "\"d e\""}, {"f", "'g'\\ h"}}));
  EXPECT_EQ(only("ENV a  b=c  \"d\" ").pairs, (Pairs{{"a", "b=c  \"d\""}})) << "the old form takes the rest as it is";
  EXPECT_EQ(only("LABEL a=b=c d==e f=").pairs, (Pairs{{"a", "b=c"}, {"d", "=e"}, {"f", ""}}));
  EXPECT_EQ(only("LABEL a=\"b \\\n  c\"").pairs, (Pairs{{"a", "\"b   c\""}}));
}

Heredoc heredoc(std::string name, std::string content, bool expand = true, bool chomp = false, unsigned fd = 0) {
  return {std::move(name), std::move(content), expand, chomp, fd};
}

TEST(ParseFile, ReadsHeredocs) {
  using Heredocs = std::vector<Heredoc>;
  struct Case {
    std::string text;
    Heredocs expected;
  };
  const Case cases[] = {
      {"RUN <<E\na\n\n# b\nE\n", {heredoc("E", "a\n\n# b\n")}},
      {"RUN << E\na\nE", {heredoc("E", "a\n")}},
      {"RUN 3<<E cat\nE", {heredoc("E", "", true, false, 3)}},
      {"RUN <<'E'\n$a\nE", {heredoc("E", "$a\n", false)}},
      {"RUN <<\"E\"\n$a\nE", {heredoc("E", "$a\n", false)}},
      {"RUN <<E'O'F\nEOF", {heredoc("EOF", "", false)}},
      {"RUN <<E\\'F\nE'F", {heredoc("E'F", "")}},
      {"RUN <<'one two'\none two", {heredoc("one two", "", false)}},
      {"RUN <<$EOF\n$EOF", {heredoc("$EOF", "")}},
      {"COPY <<file.txt /x\nfile.txt", {heredoc("file.txt", "")}},
      {"RUN <<-E\n\t\ta\n\tE\n", {heredoc("E", "\t\ta\n", true, true)}},
      {"RUN <<E\n E\nE \nE\n", {heredoc("E", " E\nE \n")}},
      {"RUN <<E\r\na\r\nE\r\n", {heredoc("E", "a\r\n")}},
      {"RUN cat <<A && cat <<B\na\nB\nA\nA\nB\n", {heredoc("A", "a\nB\n"), heredoc("B", "A\n")}},
      {"ADD <<E /x\na\nE", {heredoc("E", "a\n")}},
      {"ONBUILD RUN <<E\na\nE", {heredoc("E", "a\n")}},
      {"RUN a <<E \\\n&& b\nbody\nE", {heredoc("E", "body\n")}},
      {"RUN echo \"<<E\"", {}},
      {"RUN cat <<<E", {}},
      {"RUN [\"cat\", \"<<E\"]", {}},
      {"CMD cat <<E", {}},
      {"RUN echo $((1<<2))", {}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(only(c.text).heredocs, c.expected) << c.text;
  }
  EXPECT_EQ(chomp_heredoc("\t\ta\tb\n \tc\n\t\n"), "a\tb\n \tc\n\n");
}

TEST(ParseFile, OnbuildKeepsWhatComesAfterIt) {
  RawInstruction raw = only("onbuild  copy --chmod=600 <<-E /e\n\tx $a\n\tE\n");
  EXPECT_EQ(raw.args, Strings{"copy --chmod=600 <<-E /e"});
  EXPECT_EQ(raw.trigger_text, "copy --chmod=600 <<-E /e\n\tx $a\nE");
}

struct Failure {
  std::string message;
  LineRange lines;
};
Failure failure_of(std::string text) {
  try {
    parse(std::move(text));
  } catch (const DockerfileError& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return {e.message(), e.locations().empty() ? LineRange{} : e.locations().front().lines};
  }
  return {"no error", {}};
}

TEST(ParseFile, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text, message;
    LineRange lines;
  };
  const Case cases[] = {
      {"", "the Dockerfile cannot be empty", {0, 0}},
      {"# only\n\n", "file with no instructions", {2, 2}},
      {"# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", {1, 1}},
      {"# escape=`\n# escape=`\nFROM a", "only one escape parser directive can be used", {2, 2}},
      {"FROM a\nRUN <<E\na\n", "unterminated heredoc", {2, 3}},
      {"FROM a\nRUN echo 'a' << b c", "unterminated heredoc", {2, 2}},
      {"FROM a\nCMD [\"a\", \\\n 1]", "when using JSON array syntax, arrays must be comprised of strings only", {2, 3}},
      {"COPY [\"a\", [\"b\"]]", "when using JSON array syntax, arrays must be comprised of strings only", {1, 1}},
      {"ENV a", "ENV must have two arguments", {1, 1}},
      {"ENV a=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value", {1, 1}},
      {"ONBUILD ENV a", "ENV must have two arguments", {1, 1}},
      {std::string("USER a\0b", 8), "the line holds a NUL byte; the file must be UTF-8 text", {1, 1}},
  };
  for (const Case& c : cases) {
    Failure failure = failure_of(c.text);
    std::string expected = c.message;
    if (c.lines.first > 0 && !c.text.empty()) {
      expected = fmt::format("dockerfile parse error on line {}: {}", c.lines.first, c.message);
    }
    EXPECT_EQ(failure.message, expected);
    EXPECT_EQ(failure.lines, c.lines) << c.message;
  }
}

TEST(ParseFile, DebugJsonIsAsDocumented) {
  EXPECT_EQ(debug_parse("Dockerfile", "FROM a AS b\nENV k=v\nCOPY --link <<E /x\nq\nE\n"),
            R"({"escape":"\\","instructions":[)"
            R"({"name":"FROM","lines":[1,1],"flags":[],"json":false,"args":["a","AS","b"],"pairs":[],"heredocs":[]},)"
            R"({"name":"ENV","lines":[2,2],"flags":[],"json":false,"args":[],"pairs":[["k","v"]],"heredocs":[]},)"
            R"({"name":"COPY","lines":[3,5],"flags":["--link"],"json":false,"args":["<<E","/x"],"pairs":[],)"
            R"("heredocs":[{"name":"E","content":"q\n","expand":true,"chomp":false}]}]})");
}

}  // namespace
}  // namespace imgb
