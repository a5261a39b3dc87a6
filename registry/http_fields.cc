#include "registry/http_fields.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/url.h"

namespace imgb {
namespace {

struct Parameter {
  std::string name, value;
};

/// Takes the next `name=value` or `name="value"` off `rest`, with the ";" before it. nullopt at the end.
std::optional<Parameter> take_parameter(std::string_view& rest) {
  std::size_t semicolon = rest.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  rest = trim(rest.substr(semicolon + 1));
  std::size_t equals = rest.find_first_of("=;");
  if (equals == std::string_view::npos || rest[equals] == ';') return Parameter{};
  Parameter out{lower_ascii(trim(rest.substr(0, equals))), ""};
  rest = trim(rest.substr(equals + 1));
  if (!rest.starts_with('"')) {
    std::size_t end = std::min(rest.find(';'), rest.size());
    out.value = trim(rest.substr(0, end));
    rest = rest.substr(end);
    return out;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    out.value += rest[i];
  }
  rest = rest.substr(std::min(i + 1, rest.size()));
  return out;
}

std::string safe_base_name(std::string_view name) {
  std::size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name = name.substr(slash + 1);
  bool control = std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (name == "." || name == ".." || name.size() > 255 || control) {
    throw_error(ErrorKind::denied, "the server suggests {:?} as a file name, which is none", printable(name, 64));
  }
  return std::string(name);
}

/// RFC 8187: charset'language'percent-encoded.
std::optional<std::string> find_extended(std::string_view value) {
  std::size_t first = value.find('\'');
  if (first == std::string_view::npos) return std::nullopt;
  std::size_t second = value.find('\'', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return percent_decode(value.substr(second + 1));
}

}  // namespace

std::optional<ContentRange> find_content_range(std::string_view value) {
  value = trim(value);
  if (!lower_ascii(value.substr(0, 6)).starts_with("bytes ")) return std::nullopt;
  value = trim(value.substr(6));
  std::size_t dash = value.find('-'), slash = value.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  auto first = find_unsigned(value.substr(0, dash));
  auto last = find_unsigned(value.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  std::string_view total = value.substr(slash + 1);
  if (total == "*") return ContentRange{*first, *last, std::nullopt};
  auto size = find_unsigned(total);
  if (!size || *last >= *size) return std::nullopt;
  return ContentRange{*first, *last, size};
}

std::optional<std::chrono::milliseconds> find_retry_after(std::string_view value, Nanoseconds now) {
  using std::chrono::milliseconds;
  value = trim(value);
  constexpr std::uint64_t kYear = 366ull * 24 * 3600;  // more is the same, and cannot overflow
  if (auto seconds = find_unsigned(value)) return milliseconds(std::min(*seconds, kYear) * 1000);
  if (!value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return milliseconds(kYear * 1000);
  }
  auto date = find_http_date(value);
  if (!date) return std::nullopt;
  return milliseconds(std::max<std::int64_t>(0, (*date - now) / 1'000'000));
}

std::string file_name_of_content_disposition(std::string_view value) {
  std::optional<std::string> plain, extended;
  while (auto parameter = take_parameter(value)) {
    if (parameter->name == "filename") plain = parameter->value;
    if (parameter->name == "filename*") extended = find_extended(parameter->value);
  }
  if (extended) return safe_base_name(*extended);
  return plain ? safe_base_name(*plain) : "";
}

}  // namespace imgb
