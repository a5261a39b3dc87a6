#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

// The JSON that `imgb debug ...` prints, without a newline at the end. Errors are those of the functions they show.

std::string debug_parse(std::string file_name, std::string text);
std::string debug_expand(std::string_view word, std::span<const std::string> env, char escape, bool words);
std::string debug_ignore(std::string_view ignore_file, std::span<const std::string> paths);
std::string debug_match(std::string_view pattern, std::string_view path);  ///< COPY's wildcards.
std::string debug_reference(std::string_view name);

}  // namespace imgb
