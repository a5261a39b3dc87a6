#pragma once
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace imgb {

/// `text` with up to `most_edits` changes: bytes removed, repeated elsewhere or replaced, and pieces put in where there
/// are `pieces`. The same for the same state of `random`.
std::string mutate(std::string text, std::mt19937& random, std::size_t most_edits,
                   std::span<const std::string_view> pieces = {});

}  // namespace imgb
