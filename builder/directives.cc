#include "builder/directives.h"

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kBlanks = " \t\n\f\r";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_key(std::string_view text) {
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

std::optional<Directive> find_directive(std::string_view line) {
  if (line.empty() || line.front() != '#') return std::nullopt;
  line.remove_prefix(1);
  std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  std::string_view key = trim(line.substr(0, equals), kBlanks);
  std::string_view value = trim(line.substr(equals + 1), kBlanks);
  if (!is_key(key) || value.empty()) return std::nullopt;
  Directive found{lower_ascii(key), std::string(value), {}};
  if (found.name != "syntax" && found.name != "escape" && found.name != "check") return std::nullopt;
  return found;
}

}  // namespace

bool DirectiveParser::take(std::string_view line, std::size_t line_number) {
  if (done_) return false;
  std::optional<Directive> found = find_directive(line);
  if (!found) {
    done_ = true;
    return false;
  }
  for (const Directive& earlier : directives_) {
    if (earlier.name == found->name) {
      throw_error(ErrorKind::input, "only one {} parser directive can be used", found->name);
    }
  }
  if (found->name == "escape") {
    if (found->value != "`" && found->value != "\\") {
      throw_error(ErrorKind::input, "invalid escape token '{}' does not match ` or \\", printable(found->value));
    }
    escape_ = found->value.front();
  }
  found->lines = {line_number, line_number};
  directives_.push_back(std::move(*found));
  return true;
}

}  // namespace imgb
