#pragma once
#include "cli/command.h"

namespace imgb {

// One per file cli/cmd_<name>.cc; commands.cc lists them.
Command history_command();
Command inspect_command();
Command tag_command();
Command version_command();

}  // namespace imgb
