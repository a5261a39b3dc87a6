#pragma once
#include "cli/command.h"

namespace imgb {

// One per file cli/cmd_<name>.cc; commands.cc lists them.
Command build_command();
Command copy_command();
Command debug_command();
Command delete_command();
Command doctor_command();
Command du_command();
Command exec_command();
Command export_command();
Command fsck_command();
Command history_command();
Command images_command();
Command import_command();
Command index_command();
Command inspect_command();
Command load_command();
Command login_command();
Command logout_command();
Command logs_command();
Command mirror_command();
Command prune_command();
Command ps_command();
Command pull_command();
Command push_command();
Command serve_command();
Command rm_command();
Command rmi_command();
Command run_command();
Command save_command();
Command search_tags_command();
Command stop_command();
Command tag_command();
Command version_command();

}  // namespace imgb
