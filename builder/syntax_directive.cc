#include "builder/syntax_directive.h"

#include <nlohmann/json.hpp>

#include "builder/directives.h"
#include "builder/line_reader.h"
#include "builder/text_scan.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxJsonBytes = 64 * 1024;

/// Reads directives that begin with `mark` until a line is none.
std::optional<std::string> find_marked(std::string_view text, std::string_view mark) {
  DirectiveParser parser;
  LineReader lines(text);
  try {
    while (auto bytes = lines.next()) {
      std::string_view line = trim_spaces(*bytes);
      if (!line.starts_with(mark)) break;
      if (!parser.take(fmt::format("#{}", line.substr(mark.size())), lines.line())) break;
    }
  } catch (const Error&) {
    return std::nullopt;  // parse_file says what is wrong with it, and where
  }
  for (Directive& directive : parser.finish()) {
    if (directive.name == "syntax") return std::move(directive.value);
  }
  return std::nullopt;
}

std::optional<std::string> find_in_json(std::string_view text) {
  if (!trim_spaces_left(text).starts_with('{') || text.size() > kMaxJsonBytes) return std::nullopt;
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("syntax") || !json["syntax"].is_string()) return std::nullopt;
  return json["syntax"].get<std::string>();
}

}  // namespace

std::optional<std::string> find_syntax(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.starts_with("#!")) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  std::optional<std::string> found = find_marked(text, "#");
  if (!found) found = find_marked(text, "//");
  if (!found) found = find_in_json(text);
  if (found) found->resize(std::min(found->find_first_of(" \t"), found->size()));
  return found;
}

bool is_native_syntax(std::string_view reference) {
  if (reference == "dockerfile.v0") return true;
  for (std::string_view domain : {"docker.io/", "index.docker.io/"}) {
    if (reference.starts_with(domain)) reference.remove_prefix(domain.size());
  }
  if (!reference.starts_with("docker/dockerfile")) return false;
  std::string_view rest = reference.substr(17);
  return rest.empty() || rest.front() == ':' || rest.front() == '@' || rest.front() == '-';
}

std::optional<std::string> find_syntax_warning(std::string_view text, const std::string* given) {
  std::optional<std::string> asked = given != nullptr ? std::optional(*given) : find_syntax(text);
  if (!asked || is_native_syntax(*asked)) return std::nullopt;
  return fmt::format("syntax {} is not run: the file is read as a Dockerfile", printable(*asked));
}

}  // namespace imgb
