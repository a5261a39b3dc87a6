#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/oci/descriptor.h"

namespace imgb {

/// The text as one compressed stream, cut into segments of `piece` bytes.
std::string compress(Compression how, std::optional<int> level, std::string_view text, std::size_t piece = 1 << 20);

}  // namespace imgb
