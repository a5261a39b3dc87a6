#pragma once
#include <string_view>
#include <vector>

#include "builder/parsed_file.h"

namespace imgb {

/// Reads the "# key=value" lines at the top of a file (dockerfile.md 1.2). Feed it every line until it says no.
class DirectiveParser {
 public:
  /// True when `line` (without newline, leading blanks gone) is a directive; the first that is not ends the matter.
  /// Throws Error(input) for a repeated directive and for a bad escape character.
  bool take(std::string_view line, std::size_t line_number);

  char escape() const { return escape_; }
  std::vector<Directive> finish() { return std::move(directives_); }

 private:
  std::vector<Directive> directives_;
  char escape_ = '\\';
  bool done_ = false;
};

}  // namespace imgb
