#include "cli/cmd_mirror.h"

#include "cli/commands.h"

namespace imgb {

Command mirror_command() {
  static const Command kVerbs[] = {
      mirror_create_command(), mirror_update_command(), mirror_ls_command(), mirror_du_command(),
      mirror_verify_command(), mirror_diff_command(),   mirror_rm_command(), mirror_prune_command(),
      mirror_export_command(), mirror_import_command(), serve_command(),
  };
  return {"mirror", "Keep a set of images to carry to where there is no network", nullptr, kVerbs};
}

}  // namespace imgb
