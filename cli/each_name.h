#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/env.h"

namespace imgb {

/// Does the same for every name that was typed. One that fails keeps no other from it; the failures are told in the
/// end. Returns the exit code: 0, or 1 when there were any. A failure of the only name, and being stopped, is thrown.
/// `at_once`: how many at the same time; `body` is then called by several threads.
int for_each_name(CliEnv& env, const std::vector<std::string>& names,
                  const std::function<void(const std::string&)>& body, unsigned at_once = 1);

}  // namespace imgb
