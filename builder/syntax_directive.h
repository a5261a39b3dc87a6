#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace imgb {

/// The frontend that a Dockerfile asks for (dockerfile.md 1.2): "# syntax=REF", "// syntax=REF" or {"syntax": "REF"} at
/// the top, after a BOM and a "#!" line. Without the words after REF. nullopt when it asks for none.
std::optional<std::string> find_syntax(std::string_view text);

/// Whether a frontend means what imgb does itself: "dockerfile.v0" and every docker/dockerfile image. All others are
/// never fetched or run (V45): the file is read as a Dockerfile, with a warning.
bool is_native_syntax(std::string_view reference);

/// What to tell the user when a frontend that imgb is not was asked for, by the file or by BUILDKIT_SYNTAX (`given`,
/// may be null), which counts first. nullopt when all is well.
std::optional<std::string> find_syntax_warning(std::string_view text, const std::string* given);

}  // namespace imgb
