#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// The elements when `text` is a JSON array of strings (exec form); nullopt when it is no JSON array at all (shell
/// form). Throws Error(input) for a JSON array with anything else in it (dockerfile.md 1.4).
std::optional<std::vector<std::string>> find_json_strings(std::string_view text);

}  // namespace imgb
