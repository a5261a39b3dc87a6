#include "builder/ingredients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imgb {
namespace {

using ::testing::ElementsAre;

Ingredients make(std::initializer_list<std::pair<std::string, std::string>> list) {
  Ingredients all;
  for (const auto& [name, value] : list) all.add(name, value);
  return all;
}
std::string file(std::uint32_t mode, std::uint64_t size, std::string content) {
  return render(FileIngredient{.type = "file", .mode = mode, .size_bytes = size, .content = std::move(content)});
}

TEST(Ingredients, KeyDependsOnEveryBoundary) {
  EXPECT_NE(make({{"ab", "c"}}).key(), make({{"a", "bc"}}).key());
  EXPECT_NE(make({{"a", "b"}, {"c", "d"}}).key(), make({{"a", "bc"}, {"", "d"}}).key());
  EXPECT_EQ(make({{"a", "b"}}).key(), make({{"a", "b"}}).key());
}

TEST(Ingredients, ExplainNamesFilesAndWhatAboutThem) {
  auto before =
      make({{"file a", file(0644, 1, "x")}, {"file b", file(0644, 1, "x")}, {"file gone", file(0644, 1, "x")}});
  auto after = make({{"file a", file(0755, 1, "x")}, {"file b", file(0644, 2, "y")}, {"file new", file(0644, 1, "z")}});
  EXPECT_THAT(explain_difference(before, after),
              ElementsAre("file a: mode 0644 became 0755", "file b: size 1 became 2, content changed",
                          "file new: added", "file gone: removed"));
}

TEST(Ingredients, ExplainNamesVariablesAndTheStepBelow) {
  auto before = make({{"parent", "1"}, {"variable A", "=1"}});
  auto after = make({{"parent", "2"}, {"variable A", "=2"}});
  EXPECT_THAT(explain_difference(before, after),
              ElementsAre("the file system below changed", "variable A: \"=1\" became \"=2\""));
}

TEST(Ingredients, ExplainComparesRepeatedNamesInTheirOrder) {
  auto before = make({{"item", "folder"}, {"file d/a", file(0644, 1, "x")}, {"item", "file b"}, {"extra host", "h"}});
  auto after = make({{"item", "folder"}, {"file d/a", file(0644, 1, "y")}, {"item", "file b"}, {"extra host", "h"}});
  EXPECT_THAT(explain_difference(before, after), ElementsAre("file d/a: content changed"));
  after = make({{"item", "folder"}, {"file d/a", file(0644, 1, "x")}, {"item", "file c"}, {"extra host", "h"}});
  EXPECT_THAT(explain_difference(before, after), ElementsAre("item 2: \"file b\" became \"file c\""));
}

TEST(Ingredients, ExplainIsShortForManyFiles) {
  Ingredients before, after;
  for (int i = 0; i < 100; ++i) after.add("file " + std::to_string(i), file(0644, 1, "x"));
  auto lines = explain_difference(before, after, 3);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines.back(), "and 97 more");
}

TEST(Ingredients, FileValuesRoundTrip) {
  FileIngredient link{
      .type = "link", .mode = 0777, .uid = 1, .gid = 2, .content = "a target with spaces", .xattrs = "ab"};
  auto again = parse_file_ingredient(render(link));
  EXPECT_EQ(again.content, link.content);
  EXPECT_EQ(again.xattrs, "ab");
  EXPECT_EQ(again.gid, 2u);
}

TEST(Ingredients, TornRecordExplainsLess) {
  auto whole = make({{"a", "1"}, {"b", "2"}});
  Ingredients torn(whole.encoded().substr(0, whole.encoded().size() - 1));
  EXPECT_THAT(explain_difference(torn, whole), ElementsAre("b: \"2\" is new"));
}

}  // namespace
}  // namespace imgb
