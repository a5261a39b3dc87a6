#include "cli/commands.h"

namespace imgb {

std::span<const Command> commands() {
  static const Command kCommands[] = {
      inspect_command(),
      history_command(),
      tag_command(),
      version_command(),
  };
  return kCommands;
}

}  // namespace imgb
