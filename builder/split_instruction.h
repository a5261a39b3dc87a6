#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "builder/parsed_file.h"

namespace imgb {

/// Splits one joined line into name, flags and arguments (dockerfile.md 1.4): fills all of RawInstruction but lines,
/// heredocs, comments and trigger_text. Errors: Error(input).
RawInstruction split_instruction(std::string_view line, char escape);

/// Name of the instruction that a line holds, upper case; "" for a blank line.
std::string instruction_name(std::string_view line);

/// Words separated by blanks; quotes keep blanks inside and stay, as do escapes: ENV, LABEL, ARG.
std::vector<std::string> split_quoted_words(std::string_view text, char escape);

}  // namespace imgb
