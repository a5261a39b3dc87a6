#pragma once
#include "cli/command.h"

namespace imgb {

// The verbs below `imgb mirror`; cmd_mirror.cc lists them.
Command mirror_create_command();
Command mirror_update_command();
Command mirror_ls_command();
Command mirror_du_command();
Command mirror_verify_command();
Command mirror_diff_command();
Command mirror_rm_command();
Command mirror_prune_command();
Command mirror_export_command();
Command mirror_import_command();

}  // namespace imgb
