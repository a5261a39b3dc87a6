#include <gtest/gtest.h>

#include <random>

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "builder/glob.h"
#include "builder/ignore.h"
#include "builder/instructions.h"
#include "tests/support/mutate.h"
#include "tests/support/processor_time.h"

namespace imgb {
namespace {

/// Everything that can be done with a Dockerfile before anything runs.
class Exercise {
 public:
  void run(const std::string& text) {
    try {
      Dockerfile file = parse_dockerfile("Dockerfile", text);
      escape_ = file.escape;
      for (const GlobalArg& global : file.global_args) expand(global.arg.value);
      for (const Stage& stage : file.stages) {
        expand(stage.base);
        expand(stage.platform);
        for (const Instruction& instruction : stage.instructions) {
          at_lines(file.source, instruction.lines,
                   [&] { std::visit([&](const auto& what) { use(what); }, instruction.what); });
        }
      }
      ++accepted;
    } catch (const DockerfileError& e) {
      ++refused;
      if (!e.locations().empty()) {
        EXPECT_NE(render_snippet(e), "") << e.what();
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  int accepted = 0, refused = 0;

 private:
  std::string expand(const Word& word) { return expand_word(word, env_, escape_); }
  void expand(const std::optional<Word>& word) {
    if (word) expand(*word);
  }
  void use(const Env& env) {
    for (const KeyValue& pair : env.pairs) env_.set(expand(pair.key), expand(pair.value));
  }
  void use(const Label& label) {
    for (const KeyValue& pair : label.pairs) expand(pair.key), expand(pair.value);
  }
  void use(const Arg& arg) {
    for (const ArgDeclaration& declared : arg.args) expand(declared.value);
  }
  void use(const imgb::Run& run) {
    for (const MountSpec& mount : run.mounts) resolve_mount(mount, [&](const Word& word) { return expand(word); });
  }
  void use(const Transfer& transfer) {
    for (const Word& source : transfer.sources) match_path(expand(source), "some/path");
    for (const Heredoc& heredoc : transfer.heredocs) expand_heredoc(body_of(heredoc), env_);
    IgnoreMatcher(transfer.exclude).ignores("some/path");
  }
  void use(const Expose& expose) {
    for (const Word& word : expose.ports) expand_words(word, env_, escape_);
  }
  void use(const Onbuild& onbuild) { parse_trigger(onbuild.trigger); }
  void use(const Workdir& workdir) { expand(workdir.path); }
  void use(const Volume& volume) {
    for (const Word& path : volume.paths) expand(path);
  }
  template <class T>
  void use(const T&) {}

  Environment env_;
  char escape_ = '\\';
};

const char* const kSamples[] = {
    "# syntax=docker/dockerfile:1\n# escape=`\nARG V=3.11\nFROM --platform=$BUILDPLATFORM python:${V:-3}-slim AS base\n"
    "WORKDIR /app\nENV A=1 B=\"two words\" C='$x' D=c:`dir\nCOPY --chown=1:2 --chmod=u=rwX,go=rX --link a b* ./\n",
    "FROM scratch\nRUN --mount=type=cache,target=/root/.cache,sharing=locked --mount=type=secret,id=a,env=B "
    "\\\n  # comment\n  make && \\\n\n  make install\nHEALTHCHECK --interval=1m30s --retries=3 CMD [\"curl\", "
    "\"-f\"]\n",
    "FROM busybox\nRUN <<EOF cat <<-'FILE two' && x\na $b\nEOF\n\tb\n\tFILE two\nCOPY <<A <<\"B\" /d/\n${x##*/} "
    "\\$y\nA\n"
    "$z\nB\nONBUILD COPY <<-E /e\n\tbody\n\tE\nSHELL [\"/bin/bash\", \"-c\"]\nCMD echo \"$HOME\"\n",
    "FROM a AS b\nLABEL multi.label=\"x\" other=${v/p*/${w:-\"q\"}} l=${u%%.*}\nEXPOSE 80 443/tcp $p 8000-8010\n"
    "VOLUME [\"/data\", \"/x y\"]\nUSER $u:g\nSTOPSIGNAL SIGRTMIN+3\nONBUILD RUN --network=none x\n"
    "ADD --checksum=sha256:abc --exclude=**/*.md https://example.com/x.tgz /y\nENTRYPOINT []\nMAINTAINER me\n",
};

/// What the syntax is made of.
constexpr std::string_view kPieces[] = {
    "\\",           "`",        "\"",  "'",    "$",    "${",    "}",          "<<E",    "\n", " ",
    "\t",           "[",        "]",   "--",   "=",    ",",     ":-",         "#",      "//", "*",
    "\r\n",         "\\\n",     "**",  "\xC3", "\xFF", "\0",    "ONBUILD ",   "FROM ",  "%%", "?",
    "\xEF\xBB\xBF", "\xC2\xA0", "<<-", "E\n",  "RUN ", "COPY ", "${a:-${b:+", "[\"a\","};

TEST(Robustness, MutatedDockerfilesNeverCrashOrHang) {
  std::mt19937 random(20240607);
  Exercise exercise;
  double begin = processor_seconds();
  for (int i = 0; i < 20'000; ++i) exercise.run(mutate(kSamples[i % std::size(kSamples)], random, 6, kPieces));
  EXPECT_GT(exercise.accepted, 500);
  EXPECT_GT(exercise.refused, 500);
  EXPECT_LT(processor_seconds() - begin, 30);
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  out.reserve(text.size() * static_cast<std::size_t>(times));
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string refusal_of(const std::string& text) {
  try {
    parse_dockerfile("Dockerfile", text);
  } catch (const Error& e) {
    return e.message();
  }
  return "accepted";
}

class HostileSize : public testing::Test {
 protected:
  void TearDown() override { EXPECT_LT(processor_seconds() - begin_, 10); }

 private:
  double begin_ = processor_seconds();
};

TEST_F(HostileSize, AFileTooLargeIsRefusedWithTheLine) {
  std::string text = "FROM a\n" + repeated("# 34567890123456789012345678901\n", 2'500'000);
  EXPECT_EQ(refusal_of(text), "dockerfile parse error on line 2097153: the file is larger than 67108864 bytes");
}

TEST_F(HostileSize, TooManyInstructionsAreRefusedWithTheLine) {
  EXPECT_EQ(refusal_of("FROM a\n" + repeated("RUN x\n", 1'000'000)),
            "dockerfile parse error on line 100001: more than 100000 instructions");
}

TEST_F(HostileSize, AMillionLinesAreFine) {
  EXPECT_EQ(refusal_of(repeated("# comment\n\n", 500'000) + "FROM a\n"), "accepted");
  EXPECT_EQ(refusal_of("FROM a\nRUN x" + repeated(" \\\n y", 1'000'000)), "accepted");
  EXPECT_EQ(refusal_of("FROM a\nCOPY <<E /x\n" + repeated("line\n", 1'000'000) + "E\n"), "accepted");
}

TEST_F(HostileSize, OneLongLineIsFine) {
  EXPECT_EQ(refusal_of("FROM a\nENV" + repeated(" a=\"b\"", 1'000'000)), "accepted");
  EXPECT_EQ(refusal_of("FROM a\nCOPY" + repeated(" b", 1'000'000)), "accepted");
  EXPECT_EQ(refusal_of("FROM a\nCMD [" + repeated("\"b\",", 1'000'000) + "\"c\"]"), "accepted");
  EXPECT_EQ(refusal_of("FROM a\nRUN echo " + std::string(5'000'000, '\\')), "accepted");
}

TEST_F(HostileSize, ManyHeredocsOnOneLineAreFine) {
  std::string line, bodies;
  for (int i = 0; i < 100'000; ++i) {
    line += fmt::format(" <<E{}", i);
    bodies += fmt::format("E{}\n", i);
  }
  EXPECT_EQ(refusal_of("FROM a\nCOPY" + line + " /d/\n" + bodies), "accepted");
}

TEST_F(HostileSize, NestingIsBounded) {
  const Environment env;
  auto message = [&](const std::string& word) -> std::string {
    try {
      expand_word({word}, env);
    } catch (const Error& e) {
      return e.message().substr(e.message().rfind(": ") + 2);
    }
    return "accepted";
  };
  EXPECT_EQ(message(repeated("${a:-", 100) + "x" + repeated("}", 100)), "accepted");
  EXPECT_EQ(message(repeated("${a:-", 100'000) + "x" + repeated("}", 100'000)), "substitutions nest deeper than 100");
  EXPECT_NE(refusal_of("FROM a\nCMD " + repeated("[", 1'000'000)), "");
  EXPECT_NE(refusal_of("FROM a\n" + repeated("ONBUILD ", 1'000'000) + "RUN x"), "accepted");
}

TEST_F(HostileSize, ManyReferencesAreLinear) {
  Environment env;
  env.set("a", "b");
  EXPECT_EQ(expand_word({repeated("$a", 1'000'000)}, env).size(), 1'000'000u);
  for (int i = 0; i < 100'000; ++i) env.set("v" + std::to_string(i), "x");
  EXPECT_EQ(expand_word({repeated("${v99999}", 100'000)}, env).size(), 100'000u);
}

TEST_F(HostileSize, DoublingStopsBeforeMemoryDoes) {
  Environment env;
  env.set("a", "0123456789");
  auto doubling = [&] {
    for (int i = 0; i < 64; ++i) env.set("a", expand_word({"$a$a"}, env));
  };
  EXPECT_THROW(doubling(), Error);
  EXPECT_THROW(expand_word({repeated("${u:+$a}", 1000)}, env), Error) << "what is thrown away counts too";
}

TEST_F(HostileSize, SubstitutionPatternsAreBounded) {
  Environment env;
  env.set("long", std::string(1'000'000, 'a'));
  EXPECT_EQ(expand_word({"${long//a*b/x}"}, env).size(), 1'000'000u);
  EXPECT_EQ(expand_word({"${long%%b*b*b*}"}, env).size(), 1'000'000u);
  EXPECT_THROW(expand_word({"${long//" + std::string(1'000'000, '?') + "/x}"}, env), Error);
}

}  // namespace
}  // namespace imgb
