#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace imgb {

/// Docker's --format templates, as far as scripts use them: text with {{.Field}}, {{.Field.Sub}}, {{json .Field}} and
/// {{json .}}; "\n" and "\t" are newline and tab. Arrays and objects print as Go prints them. An absent field is
/// "<no value>". Error(usage) for anything else in braces.
std::string render_template(std::string_view format, const nlohmann::ordered_json& value);

/// Rows of `images`, `ps` and the like. Each row is an object; `columns` say which fields the table shows.
struct Column {
  std::string header, field;
};
/// `format`: "" or "table" (aligned columns, three blanks between them), "json" (an object per line) or a template.
/// Cells of the table are made harmless for a terminal.
std::string render_listing(const std::vector<Column>& columns, const nlohmann::ordered_json& rows,
                           std::string_view format);

/// As Docker tells ages: "About an hour", "3 weeks". Negative ages are "Less than a second".
std::string render_age(Nanoseconds age);

}  // namespace imgb
