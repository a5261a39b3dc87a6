#include "cli/commands.h"

namespace imgb {

std::span<const Command> commands() {
  static const Command kCommands[] = {
      images_command(), inspect_command(), history_command(), tag_command(), version_command(), debug_command(),
  };
  return kCommands;
}

}  // namespace imgb
