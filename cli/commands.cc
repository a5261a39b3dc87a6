#include "cli/commands.h"

namespace imgb {

std::span<const Command> commands() {
  static const Command kCommands[] = {
      ps_command(),      logs_command(), stop_command(),    rm_command(),    images_command(), inspect_command(),
      history_command(), tag_command(),  rmi_command(),     save_command(),  load_command(),   prune_command(),
      du_command(),      fsck_command(), version_command(), debug_command(),
  };
  return kCommands;
}

}  // namespace imgb
