#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "builder/parsed_file.h"

namespace imgb {

/// The heredoc that one word begins ("3<<-'EOF'"), without content; nullopt when it begins none.
/// Throws Error(input) when its quotes do not match.
std::optional<Heredoc> find_heredoc(std::string_view word);

/// All heredocs that a joined instruction line announces, in order (dockerfile.md 1.5).
std::vector<Heredoc> heredocs_of_line(std::string_view line);

/// Error(input) when the heredoc cannot become a file of its name.
void check_file_name(const Heredoc& heredoc);

}  // namespace imgb
