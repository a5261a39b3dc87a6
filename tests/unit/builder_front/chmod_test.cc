#include "builder/chmod.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// "f644:755": a file's mode before and after.
void expect_change(const ModeChange& change, const std::string& text, const std::string& row) {
  std::size_t colon = text.find(':');
  auto before = find_octal(std::string_view(text).substr(1, colon - 1));
  auto after = find_octal(std::string_view(text).substr(colon + 1));
  ASSERT_TRUE(before && after) << row;
  EXPECT_EQ(change.apply(static_cast<std::uint32_t>(*before), text[0] == 'd'), *after) << text << " in " << row;
}

TEST(Chmod, ChangesModesAsBuildKitDoes) {
  std::ifstream table(IMGB_TEST_DATA "/chmod.txt");
  std::string row;
  int rows = 0;
  while (std::getline(table, row)) {
    if (row.starts_with('#')) continue;
    ++rows;
    std::istringstream words(row);
    std::string value, word;
    words >> value >> word;
    if (word == "error") {
      EXPECT_THROW(ModeChange::parse(value), Error) << row;
      continue;
    }
    ModeChange change = ModeChange::parse(value);
    do expect_change(change, word, row);
    while (words >> word);
  }
  EXPECT_GT(rows, 50);
}

TEST(Chmod, NamesTheBadParameter) {
  for (std::string_view bad : {"99", "17777", "", "u=rwz", "q+x", ","}) {
    try {
      ModeChange::parse(bad);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.message(), "invalid chmod parameter: '" + std::string(bad) +
                                 "'. it should be octal string and between 0 and 07777");
    }
  }
}

}  // namespace
}  // namespace imgb
