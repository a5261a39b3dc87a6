#pragma once
#include <map>
#include <string>
#include <vector>

#include "builder/instructions.h"

namespace imgb {

/// An image that a Dockerfile names, as it stands there once variables are expanded.
struct NamedImageUse {
  std::string name;
  LineRange lines;
};

/// Every image that any stage of the file can need from elsewhere: FROM, COPY --from and the from of mounts, as far as
/// they mean no stage and not "scratch", each once, in the order of the file. Variables are those of the global scope
/// with `build_args`. Pure. Errors: DockerfileError, such as for a base name that is blank because an ARG has no value.
std::vector<NamedImageUse> images_named_in(const Dockerfile& file,
                                           const std::map<std::string, std::string>& build_args);

}  // namespace imgb
