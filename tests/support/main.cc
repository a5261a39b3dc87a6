#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/hidden.h"

// Test programs call themselves as imgb does: the hidden commands of confined children have to work in them too.
int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0].starts_with("__")) return imgb::run_hidden(words);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
