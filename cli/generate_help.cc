#include <fmt/core.h>

#include "cli/generate.h"

namespace imgb {
namespace {

std::string list_commands(std::span<const Command> table) {
  std::size_t width = 0;
  for (const Command& command : table) width = std::max(width, command.name.size());
  std::string text;
  for (const Command& command : table) text += fmt::format("  {:<{}}   {}\n", command.name, width, command.help);
  return text;
}

}  // namespace

std::string render_program_help() {
  Globals globals;
  Flags flags;
  globals.describe(flags);
  return fmt::format(
      "Usage:  imgb [OPTIONS] COMMAND\n\nBuilds container images from Dockerfiles, runs them, and moves them.\n\n"
      "Commands:\n{}\nOptions of every command:\n{}\nimgb COMMAND --help tells more about one.\n",
      list_commands(commands()), flags.options());
}

std::string render_command_list_help(const std::string& name, const Command& command) {
  return fmt::format("Usage:  imgb {} COMMAND\n\n{}\n\nCommands:\n{}", name, command.help,
                     list_commands(command.verbs));
}

std::string render_verb_help(const std::string& name, const Command& command, const Flags& flags) {
  return fmt::format("Usage:  imgb {} {}\n\n{}\n\nOptions:\n{}", name, flags.usage(), command.help, flags.options());
}

}  // namespace imgb
