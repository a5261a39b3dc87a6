#pragma once
#include <span>
#include <string>

namespace imgb {

/// The whole program but for `main`: finds the verb, parses its flags, runs it, and is the one place where errors are
/// printed and become exit codes. `words` are without the program's name.
int run_program(std::span<const std::string> words);

}  // namespace imgb
