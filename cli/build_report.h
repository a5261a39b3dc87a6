#pragma once
#include <span>
#include <string>

#include "builder/build.h"

namespace imgb {

/// --metadata-file: JSON with buildx's keys (dockerfile.md 6). Pure.
std::string render_metadata(const Descriptor& manifest, const BuildResult& result, std::span<const Reference> names);

}  // namespace imgb
