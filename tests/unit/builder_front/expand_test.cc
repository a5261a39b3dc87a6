#include "builder/expand.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

Environment usual_environment() {
  Environment env;
  env.set("a", "1");
  env.set("e", "");
  env.set("path", "/usr/local/lib/foo.tar.gz");
  env.set("nl", "x y");
  env.set("multi", "a.b.c.d");
  env.set("star", "a*b");
  env.set("bs", "a\\b");
  env.set("lines", "one\ntwo");
  return env;
}

struct Case {
  std::string_view word, expected;
};

/// All of these were checked against BuildKit 0.25, as values of LABEL.
TEST(Expand, GivesWhatBuildKitGives) {
  const Case cases[] = {
      {"plain", "plain"},
      {"$a", "1"},
      {"${a}", "1"},
      {"${a}b", "1b"},
      {"$a-b", "1-b"},
      {"$ab", ""},
      {"$1x", "x"},
      {"\"$@|$*|$#|$?|$-|$$|$!|$0\"", "|||||||"},
      {"\"$ x\"", "$ x"},
      {"$", "$"},
      {"\"a$\"", "a$"},
      {"${u:-w}", "w"},
      {"${e:-w}", "w"},
      {"${e-w}", ""},
      {"${u-w}", "w"},
      {"${a:+w}", "w"},
      {"${e:+w}", ""},
      {"${e+w}", "w"},
      {"${u+w}", ""},
      {"${a:?no}", "1"},
      {"${a?no}", "1"},
      {"${path#*/}", "usr/local/lib/foo.tar.gz"},
      {"${path##*/}", "foo.tar.gz"},
      {"${path%.*}", "/usr/local/lib/foo.tar"},
      {"${path%%.*}", "/usr/local/lib/foo"},
      {"${path%/*}", "/usr/local/lib"},
      {"${multi%.*.*}", "a.b"},
      {"${multi#?}", ".b.c.d"},
      {"${nl% *}", "x"},
      {"${star#a\\*}", "b"},
      {"${bs#a\\\\}", "b"},
      {"${multi/./-}", "a-b.c.d"},
      {"${multi//./-}", "a-b-c-d"},
      {"${path/local/REM}", "/usr/REM/lib/foo.tar.gz"},
      {"${path//o/0}", "/usr/l0cal/lib/f00.tar.gz"},
      {"${path/\\/usr/X}", "X/local/lib/foo.tar.gz"},
      {"${multi//b/\\/}", "a.\\/.c.d"},
      {"${multi//?./X}", "XXXd"},
      {"${multi/*/X}", "X"},
      {"${multi//*/X}", "X"},
      {"${multi//\\?/X}", "a.b.c.d"},
      {"${star//\\*/S}", "aSb"},
      {"${multi//[ab]/X}", "a.b.c.d"},
      {"${multi///x}", "xax.xbx.xcx.xdx"},
      {"${multi//a/\\}}", "\\}.b.c.d"},
      {"${multi/a/\\$1}", "\\$1.b.c.d"},
      {"${multi//./$a}", "a1b1c1d"},
      {"${multi/#a/X}", "a.b.c.d"},
      {"${u:-${v:-deep}}", "deep"},
      {"${u:-\"q uoted\"}", "q uoted"},
      {"${u:-'$a'}", "$a"},
      {"${u:-a}}", "a}"},
      {"${u:-x\"y\"}", "xy"},
      {"\"${a:-\"x\"}\"", "1"},
      {"'$a'", "$a"},
      {"\"\\$a\"", "$a"},
      {"\\$a", "$a"},
      {"\"a\\nb\"", "a\\nb"},
      {"a\\nb", "anb"},
      {"\"\\\"q\\\"\"", "\"q\""},
      {"a\"b c\"d", "ab cd"},
      {"'it'\"'\"'s'", "it's"},
      {"\"it's\"", "it's"},
      {"a\\ b", "a b"},
      {"\"a\\\\b\"", "a\\b"},
      {"a\\\\b", "a\\b"},
      {"{\"a\":\"b\"}", "{a:b}"},
      {"\xC3\xA9t\xC3\xA9$a",
       "\xC3\xA9t\xC3\xA9"
       "1"},
      {"$bs", "a\\b"},
  };
  const Environment env = usual_environment();
  for (const Case& c : cases) EXPECT_EQ(expand_word({std::string(c.word)}, env), c.expected) << c.word;
}

TEST(Expand, ABacktickMayBeTheEscape) {
  const Case cases[] = {
      {"c:\\a\\b", "c:\\a\\b"},
      {"\"c:\\a\\`\"\"", "c:\\a\\\""},
      {"`$a", "$a"},
      {"\"`$a\"", "$a"},
      {"\\$a", "\\1"},
      {"${a:+c:\\d}", "c:\\d"},
      {"\"x`y\"", "x`y"},
      {"x`y", "xy"},
      {"\"`\\\"", "`\\"},
      {"`\\", "\\"},
      {"'`$a'", "`$a"},
      {"\"a``b\"", "a`b"},
      {"${u:-`}}", "}"},
  };
  const Environment env = usual_environment();
  for (const Case& c : cases) EXPECT_EQ(expand_word({std::string(c.word)}, env, '`'), c.expected) << c.word;
}

TEST(Expand, WordsSplitAtBlanksOutsideQuotes) {
  const Environment env = usual_environment();
  using Words = std::vector<std::string>;
  EXPECT_EQ(expand_words({"$nl"}, env), (Words{"x", "y"}));
  EXPECT_EQ(expand_words({"\"$nl\""}, env), (Words{"x y"}));
  EXPECT_EQ(expand_words({" a  'b c'd e\\ f "}, env), (Words{"a", "b cd", "e f"}));
  EXPECT_EQ(expand_words({"8$nl-9"}, env), (Words{"8x", "y-9"}));
  EXPECT_EQ(expand_words({"$u \"\""}, env), Words{}) << "nothing is no word";
  EXPECT_EQ(expand_words({"$lines"}, env), (Words{"one", "two"}));
}

TEST(Expand, HeredocBodiesKeepTheirQuotes) {
  const Environment env = usual_environment();
  EXPECT_EQ(expand_heredoc("a=$a ${u:-b} \"$a\" '$a' \\$a \\n \\\\ $ $$ ${u} `x`\ttab\nline2\\\nline3\n", env),
            "a=1 b \"1\" '1' $a n \\ $   `x`\ttab\nline2\nline3\n")
      << "a backslash goes whatever follows it, as in BuildKit";
}

std::string message_of(std::string_view word) {
  try {
    return "no error: " + expand_word({std::string(word)}, usual_environment());
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.message();
  }
}

TEST(Expand, SaysWhatIsWrong) {
  const Case cases[] = {
      {"${", "failed to process \"${\": syntax error: missing '}'"},
      {"${a", "failed to process \"${a\": syntax error: missing '}'"},
      {"${a:-b", "failed to process \"${a:-b\": syntax error: missing '}'"},
      {"${}", "failed to process \"${}\": syntax error: bad substitution"},
      {"${:", "failed to process \"${:\": syntax error: bad substitution"},
      {"${{a}}", "failed to process \"${{a}}\": syntax error: bad substitution"},
      {"${a!b}", "failed to process \"${a!b}\": unsupported modifier (!) in substitution"},
      {"${a:x}", "failed to process \"${a:x}\": unsupported modifier (:x) in substitution"},
      {"${u?}", "failed to process \"${u?}\": u: is not allowed to be unset"},
      {"${e:?}", "failed to process \"${e:?}\": e: is not allowed to be empty"},
      {"${u:?'quoted msg'}", "failed to process \"${u:?'quoted msg'}\": u: quoted msg"},
      {"${a#\\b}", "failed to process \"${a#\\\\b}\": invalid pattern (\\b) in substitution: invalid escape '\\b'"},
      {"'abc", "failed to process \"'abc\": unexpected end of statement while looking for matching single-quote"},
      {"\"abc", "failed to process \"\\\"abc\": unexpected end of statement while looking for matching double-quote"},
  };
  for (const Case& c : cases) EXPECT_EQ(message_of(c.word), c.expected) << c.word;
}

}  // namespace
}  // namespace imgb
