#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/fuzz/targets.h"

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

std::string changed(std::string bytes, std::mt19937& random) {
  auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (std::size_t edits = 1 + below(4); edits > 0 && !bytes.empty(); --edits) {
    std::size_t at = below(bytes.size()), size = 1 + below(std::min<std::size_t>(16, bytes.size() - at));
    switch (below(4)) {
      case 0:
        bytes.erase(at, size);
        break;
      case 1:
        bytes.insert(below(bytes.size()), bytes.substr(at, size));
        break;
      case 2:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      default:
        bytes[at] = static_cast<char>(below(256));
    }
  }
  return bytes;
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
      std::string copy = changed(bytes, random);
      EXPECT_NO_THROW(GetParam().run(copy)) << file << " " << testing::PrintToString(copy.substr(0, 2000));
    }
  }
}

}  // namespace
}  // namespace imgb::fuzz
