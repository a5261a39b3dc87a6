#include "builder/csv.h"

#include "core/base/error.h"

namespace imgb {
namespace {

/// A quoted field at the start of `text`; takes the closing quote too.
std::string take_quoted(std::string_view& text) {
  std::string field;
  text.remove_prefix(1);
  while (true) {
    std::size_t quote = text.find('"');
    if (quote == std::string_view::npos) throw_error(ErrorKind::input, "extraneous or missing \" in quoted-field");
    field += text.substr(0, quote);
    text.remove_prefix(quote + 1);
    if (!text.starts_with('"')) return field;
    field += '"';
    text.remove_prefix(1);
  }
}

std::string take_plain(std::string_view& text) {
  std::string_view field = text.substr(0, text.find(','));
  if (field.find('"') != std::string_view::npos) throw_error(ErrorKind::input, "bare \" in non-quoted-field");
  text.remove_prefix(field.size());
  return std::string(field);
}

}  // namespace

std::vector<std::string> split_csv(std::string_view text) {
  if (text.empty()) throw_error(ErrorKind::input, "empty list");
  std::vector<std::string> fields;
  while (true) {
    fields.push_back(text.starts_with('"') ? take_quoted(text) : take_plain(text));
    if (text.empty()) return fields;
    if (text.front() != ',') throw_error(ErrorKind::input, "extraneous or missing \" in quoted-field");
    text.remove_prefix(1);
  }
}

}  // namespace imgb
