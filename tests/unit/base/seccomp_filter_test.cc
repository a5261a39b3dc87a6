#include "core/base/seccomp_filter.h"

#include <gtest/gtest.h>
#include <linux/filter.h>

namespace imgb {
namespace {

using When = SeccompFilter::When;

TEST(SeccompFilter, CompilesToWholeInstructions) {
  SeccompFilter filter({});
  filter.allow("read");
  std::string program = filter.compile();
  EXPECT_GT(program.size(), 0u);
  EXPECT_EQ(program.size() % sizeof(sock_filter), 0u);
  EXPECT_EQ(filter.compile(), program);
}

TEST(SeccompFilter, ACallThatNobodyKnowsIsPassedOver) {
  SeccompFilter known({}), unknown({});
  for (SeccompFilter* filter : {&known, &unknown}) filter->allow("read");
  unknown.allow("no_such_call");
  EXPECT_EQ(unknown.compile(), known.compile());
}

TEST(SeccompFilter, TheSameRuleTwiceIsOne) {
  SeccompFilter once({}), twice({});
  once.allow("read");
  for (int i = 0; i < 2; ++i) twice.allow("read");
  EXPECT_EQ(twice.compile(), once.compile());
}

TEST(SeccompFilter, EveryComparisonIsAnotherProgram) {
  std::set<std::string> programs;
  for (auto is : {When::Is::equal, When::Is::less, When::Is::greater, When::Is::masked}) {
    SeccompFilter filter({});
    filter.allow("socket", When{.is = is, .value = 4, .mask = 6});
    programs.insert(filter.compile());
  }
  EXPECT_EQ(programs.size(), 4u);
}

TEST(SeccompFilter, OtherArchitecturesAndASearchTreeAreAskedFor) {
  std::set<std::string> programs;
  for (auto options : {SeccompFilter::Options{}, SeccompFilter::Options{.other_architectures = true},
                       SeccompFilter::Options{.search_tree = true}}) {
    SeccompFilter filter(options);
    for (const char* call : {"read", "write", "close", "openat", "fstat", "mmap"}) filter.allow(call);
    programs.insert(filter.compile());
  }
  EXPECT_EQ(programs.size(), 3u);
}

}  // namespace
}  // namespace imgb
