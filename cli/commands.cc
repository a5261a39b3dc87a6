#include "cli/commands.h"

namespace imgb {

std::span<const Command> commands() {
  static const Command kCommands[] = {
      build_command(),       run_command(),     ps_command(),     logs_command(),  stop_command(),   rm_command(),
      exec_command(),        pull_command(),    push_command(),   copy_command(),  login_command(),  logout_command(),
      search_tags_command(), index_command(),   delete_command(), serve_command(), mirror_command(), images_command(),
      inspect_command(),     history_command(), tag_command(),    rmi_command(),   save_command(),   load_command(),
      import_command(),      export_command(),  prune_command(),  du_command(),    fsck_command(),   doctor_command(),
      version_command(),     debug_command(),
  };
  return kCommands;
}

}  // namespace imgb
