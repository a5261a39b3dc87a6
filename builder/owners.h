#pragma once
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "builder/step_services.h"
#include "sandbox/user.h"

namespace imgb {

/// Names of users and groups, as the file system below a step knows them. Its account files are read only when the text
/// needs them.

/// --chown: uid and gid. Error(input) for names that are not there.
std::pair<std::uint32_t, std::uint32_t> resolve_owner(const std::string& chown, const FileSystem& files,
                                                      StepServices& services, Activity& activity,
                                                      const std::stop_token& stop);
/// USER as the owner of a folder that WORKDIR makes. A name that is not there gives 0:0, as in BuildKit, and a warning.
std::pair<std::uint32_t, std::uint32_t> resolve_folder_owner(const std::string& user, const FileSystem& files,
                                                             StepServices& services, Activity& activity,
                                                             const std::stop_token& stop);
/// USER for a RUN.
UserIds resolve_run_user(const std::string& user, const FileSystem& files, StepServices& services, Activity& activity,
                         const std::stop_token& stop);

}  // namespace imgb
