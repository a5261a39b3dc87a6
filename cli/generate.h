#pragma once
#include <string>

#include "cli/command.h"

namespace imgb {

// All that is written from the one description of verbs and flags. Pure.

std::string render_program_help();
std::string render_command_list_help(const std::string& name, const Command& command);
std::string render_verb_help(const std::string& name, const Command& command, const Flags& flags);
std::string render_man_page();         ///< imgb(1), roff.
std::string render_bash_completion();  ///< For /usr/share/bash-completion/completions/imgb.

}  // namespace imgb
