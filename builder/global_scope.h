#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/environment.h"
#include "builder/instructions.h"
#include "core/oci/platform.h"

namespace imgb {

/// What FROM sees, and what `ARG X` without a value takes from outside: platform arguments, then the ARGs before the
/// first FROM (dockerfile.md 2.1). `build_args` win over defaults.
Environment global_scope(const Dockerfile& file, const std::map<std::string, std::string>& build_args,
                         const Platform& build_platform, const Platform& target_platform, std::string_view target);

/// Proxy variables that RUN gets without an ARG, and that are in no key and no image.
bool is_proxy_arg(std::string_view name);

/// One sentence per build argument that no ARG of the file declares and that means nothing by itself, with "did you
/// mean". `declared`: every name that an ARG of the file or of a trigger declares.
std::vector<std::string> unused_arg_warnings(const std::map<std::string, std::string>& build_args,
                                             std::span<const std::string> declared);

/// Every name that an ARG of the file declares, in order.
std::vector<std::string> declared_args(const Dockerfile& file);

}  // namespace imgb
