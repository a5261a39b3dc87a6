#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// The fields of one line of CSV: `type=bind,"source=a,b"`. Quotes only around whole fields, doubled inside.
/// Error(input) for quotes elsewhere and for an empty line.
std::vector<std::string> split_csv(std::string_view text);

}  // namespace imgb
