#pragma once
#include <string>
#include <string_view>

#include "cli/env.h"

namespace imgb {

enum class Echo : std::uint8_t { shown, hidden };

/// One line from the terminal that standard input is; what is typed is not shown when it is hidden. Error(usage) when
/// standard input is no terminal, Error(cancelled) on Ctrl-C; the terminal is as it was in either case.
std::string ask_user(CliEnv& env, std::string_view prompt, Echo echo);

}  // namespace imgb
