#pragma once
#include <stop_token>
#include <string_view>

#include "core/base/dir.h"

namespace imgb {

/// As Dir::remove_tree, for trees that take long: Error(cancelled) when stopped, and the rest stays.
void remove_tree(const Dir& folder, std::string_view path, const std::stop_token& stop);

}  // namespace imgb
