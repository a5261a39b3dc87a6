#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

namespace imgb {

/// The documents of a YAML stream, as JSON in which every scalar is a string (no guessing of numbers and booleans).
/// Aliases are written out and merge keys ("<<") are merged. Bounded as parse_json is, also in what aliases make of it.
/// Error(input) names `what` and the line.
std::vector<nlohmann::json> parse_yaml(std::string_view text, std::string_view what);

}  // namespace imgb
