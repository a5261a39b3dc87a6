#include "cli/listing.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string as_go_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<no value>";
  if (!value.is_structured()) return dump(value);
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (!text.empty()) text += ' ';
    if (value.is_object()) text += key + ":";
    text += as_go_text(item);
  }
  return value.is_object() ? "map[" + text + "]" : "[" + text + "]";
}

const Json* find_field(const Json& value, std::string_view path) {
  const Json* at = &value;
  for (std::string_view name : split(path, '.')) {
    if (name.empty()) continue;
    if (!at->is_object()) return nullptr;
    auto found = at->find(std::string(name));
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string render_action(std::string_view action, const Json& value) {
  std::string_view text = trim(action);
  bool as_json = text.starts_with("json ");
  if (as_json) text = trim(text.substr(5));
  bool is_field = !text.empty() && text[0] == '.' && text.find_first_of(" |()\"") == std::string_view::npos;
  if (!is_field)
    throw Error(ErrorKind::usage, fmt::format("template {{{{{}}}}} is not understood", printable(action)))
        .set_hint("use {{.Field}} or {{json .Field}}");
  const Json* field = find_field(value, text.substr(1));
  if (as_json) return field ? dump(*field) : "null";
  return field ? as_go_text(*field) : "<no value>";
}

std::string render_table(const std::vector<Column>& columns, const Json& rows) {
  constexpr std::size_t kGap = 3;
  std::vector<std::vector<std::string>> cells(1);
  for (const Column& column : columns) cells[0].push_back(column.header);
  for (const Json& row : rows) {
    std::vector<std::string> line;
    for (const Column& column : columns) {
      const Json* field = find_field(row, column.field);
      line.push_back(field ? printable(as_go_text(*field)) : "");
    }
    cells.push_back(std::move(line));
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : cells)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string text;
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i)
      text += i + 1 == line.size() ? line[i] : fmt::format("{:<{}}", line[i], widths[i] + kGap);
    text += "\n";
  }
  return text;
}

}  // namespace

std::string render_template(std::string_view format, const Json& value) {
  std::string text;
  while (!format.empty()) {
    if (format.starts_with("{{")) {
      std::size_t end = format.find("}}");
      if (end == std::string_view::npos) throw_error(ErrorKind::usage, "template has {{{{ without }}}}");
      text += render_action(format.substr(2, end - 2), value);
      format.remove_prefix(end + 2);
    } else if (format.starts_with("\\n") || format.starts_with("\\t")) {
      text += format[1] == 'n' ? '\n' : '\t';
      format.remove_prefix(2);
    } else {
      text += format[0];
      format.remove_prefix(1);
    }
  }
  return text;
}

std::string render_listing(const std::vector<Column>& columns, const Json& rows, std::string_view format) {
  if (format.empty() || format == "table") return render_table(columns, rows);
  std::string text;
  for (const Json& row : rows) text += (format == "json" ? dump(row) : render_template(format, row)) + "\n";
  return text;
}

// units.HumanDuration of docker/go-units.
std::string render_age(Nanoseconds age) {
  std::int64_t seconds = age / kNanosecondsPerSecond;
  std::int64_t minutes = seconds / 60, hours = (seconds + 1800) / 3600, days = hours / 24;
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", days);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", days / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", days / 30);
  return fmt::format("{} years", days / 365);
}

}  // namespace imgb
