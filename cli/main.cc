#include <string>
#include <vector>

#include "cli/hidden.h"
#include "cli/program.h"
#include "cli/signals.h"

int main(int argc, char** argv) {
  imgb::prepare_process();
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (!words.empty() && words[0].starts_with("__")) return imgb::run_hidden(words);
  return imgb::run_program(words);
}
