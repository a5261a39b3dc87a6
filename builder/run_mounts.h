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

/// How a key says what a mount shows.
enum class MountKeys {
  content,  ///< By the files: hashes those of a context, reads tables of contents of a stack (dockerfile.md 5).
  stacks,   ///< Of a stack of layers by that stack alone (StepCache::find_quick).
};
/// What counts of the mounts for the step's key.
void add_mounts(Ingredients& key, MountKeys kind, const RunStep& run, const std::map<InputId, FileSystem>& inputs,
                StepServices& services, Activity& activity, const std::stop_token& stop);
/// A mount shows part of a stack of layers: then the two kinds of keys differ.
bool mounts_stacks(const RunStep& run, const std::map<InputId, FileSystem>& inputs);

/// Makes the mounts ready. Waits for the lock of a `locked` cache, with a note of the activity. Error(input) `secret X:
/// not found` and the like.
OpenMounts open_mounts(const RunStep& run, const std::map<InputId, FileSystem>& inputs, StepServices& services,
                       Activity& activity, const std::stop_token& stop);

}  // namespace imgb
