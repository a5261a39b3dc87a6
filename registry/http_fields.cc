#include "registry/http_fields.h"

#include <algorithm>

#include "core/base/text.h"

namespace imgb {
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

std::optional<std::string> find_next_page(const Headers& headers) {
  for (std::string_view field : headers.all("Link")) {
    // "<a>; rel=x, <b>; rel=y": a comma inside <> belongs to the address.
    while (!field.empty()) {
      std::size_t open = field.find('<'), close = field.find('>', open);
      if (close == std::string_view::npos) break;
      std::string_view target = field.substr(open + 1, close - open - 1);
      std::size_t end = field.find('<', close);
      std::string_view parameters = field.substr(close, end == std::string_view::npos ? end : end - close);
      field = end == std::string_view::npos ? "" : field.substr(end);
      std::string rel = lower_ascii(parameters);
      if (rel.find("rel=\"next\"") != std::string::npos || rel.find("rel=next") != std::string::npos)
        return std::string(target);
    }
  }
  return std::nullopt;
}

}  // namespace imgb
