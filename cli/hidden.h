#pragma once
#include <span>
#include <string>

namespace imgb {

/// Commands that imgb calls itself with (one thread, nothing opened), and the generators that the build calls. They are
/// no part of what users are promised.
int run_hidden(std::span<const std::string> words);

}  // namespace imgb
