#pragma once
#include <list>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/ingredients.h"
#include "builder/step_services.h"
#include "sandbox/step.h"

namespace imgb {

/// What RUN --mount attaches, opened: keeps folders, locks and descriptors as long as the step runs.
struct OpenMounts {
  std::vector<StepMount> mounts;
  std::vector<std::string> env;  ///< Secrets as variables, SSH_AUTH_SOCK.
  std::vector<Fd> held;
  std::vector<FileLock> locks;
  std::list<Dir> homes;  ///< Where caches are kept.
};

/// What counts of the mounts for the step's key; hashes the content of bind mounts (dockerfile.md 5).
void add_mounts(Ingredients& key, const RunStep& run, const std::map<InputId, FileSystem>& inputs,
                StepServices& services, Activity& activity, const std::stop_token& stop);

/// Makes the mounts ready. Waits for the lock of a `locked` cache, with a note of the activity. Error(input) `secret X:
/// not found` and the like.
OpenMounts open_mounts(const RunStep& run, const std::map<InputId, FileSystem>& inputs, StepServices& services,
                       Activity& activity, const std::stop_token& stop);

}  // namespace imgb
