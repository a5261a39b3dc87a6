#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/fuzz/targets.h"
#include "tests/support/mutate.h"

// What fuzzing found once stays found: each target gets its folder of data/, where names say what a file is about, and
// a few thousand changed copies of it.

namespace imgb::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr int kChangedCopies = 40;
constexpr std::size_t kMaxChangedBytes = 64 * 1024;

std::vector<fs::path> inputs_of(const Target& target) {
  std::vector<fs::path> files;
  fs::path folder = fs::path(IMGB_TEST_DATA) / target.name;
  if (fs::exists(folder))
    for (const auto& file : fs::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class FuzzTarget : public testing::TestWithParam<Target> {};
INSTANTIATE_TEST_SUITE_P(All, FuzzTarget, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& given) { return std::string(given.param.name); });

TEST_P(FuzzTarget, KeepsItsPromisesForWhatWasFoundBefore) {
  auto files = inputs_of(GetParam());
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) EXPECT_NO_THROW(GetParam().run(content_of(file))) << file;
}

TEST_P(FuzzTarget, KeepsItsPromisesForChangedCopies) {
  std::mt19937 random(20240607);
  for (const fs::path& file : inputs_of(GetParam())) {
    std::string bytes = content_of(file);
    for (int i = 0; bytes.size() <= kMaxChangedBytes && i < kChangedCopies; ++i) {
      std::string copy = mutate(bytes, random, 4);
      EXPECT_NO_THROW(GetParam().run(copy)) << file << " " << testing::PrintToString(copy.substr(0, 2000));
    }
  }
}

}  // namespace
}  // namespace imgb::fuzz
