#include "cli/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace imgb {
namespace {

using testing::HasSubstr;

void check(std::span<const Command> table, const std::string& prefix) {
  std::set<std::string_view> names;
  for (const Command& command : table) {
    std::string name = prefix + std::string(command.name);
    EXPECT_TRUE(names.insert(command.name).second) << name << " is there twice";
    EXPECT_FALSE(command.help.empty() || command.help.ends_with('.')) << name;
    if (!command.verbs.empty()) {
      check(command.verbs, name + " ");
      continue;
    }
    Flags flags;
    Globals globals;
    auto verb = command.make();
    verb->describe(flags);
    globals.describe(flags);
    std::set<std::string> words;
    for (const FlagInfo& flag : flags.flags()) {
      if (!flag.long_name.empty()) {
        EXPECT_TRUE(words.insert(flag.long_name).second) << name << " --" << flag.long_name;
      }
      if (flag.short_name) {
        EXPECT_TRUE(words.insert({flag.short_name}).second) << name << " -" << flag.short_name;
      }
      EXPECT_FALSE(flag.help.empty() || flag.help.ends_with('.')) << name << " --" << flag.long_name;
    }
  }
}

TEST(Commands, NoWordMeansTwoThings) { check(commands(), ""); }

TEST(ManPage, KnowsEveryVerbAndFlag) {
  std::string page = render_man_page();
  for (const Command& command : commands()) {
    std::string name(command.name);
    for (std::size_t dash = name.find('-'); dash != name.npos; dash = name.find('-', dash + 2)) name.insert(dash, "\\");
    EXPECT_THAT(page, HasSubstr(".SS imgb " + name));
  }
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-root\\fR \\fIFOLDER\\fR"));
}

TEST(Completion, KnowsEveryVerb) {
  std::string script = render_bash_completion();
  for (const Command& command : commands()) EXPECT_THAT(script, HasSubstr("'" + std::string(command.name) + "')"));
}

}  // namespace
}  // namespace imgb
