#pragma once
#include <string>
#include <utility>
#include <vector>

#include "builder/lower_stage.h"

namespace imgb {

/// The stage around a RUN.
struct RunSurroundings {
  std::vector<std::string> shell;
  RootedPath workdir;
  std::string user;
  const Environment& environment;
  char escape = '\\';
  const std::vector<std::pair<std::string, std::string>>& args;  ///< Declared ARGs.
};

/// RUN with everything resolved: argv by form and heredocs, variables, mounts, network and security.
/// Error(input), Error(denied) for what the build was not allowed.
RunStep lower_run(const Run& run, const RunSurroundings& around, const LowerOptions& options);

}  // namespace imgb
