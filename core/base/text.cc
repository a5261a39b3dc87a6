#include "core/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

namespace imgb {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <class Number>
std::optional<Number> find_number(std::string_view text, int base) {
  Number value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Length of the well-formed UTF-8 character that `text` begins with; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = at(0);
  std::size_t length = first < 0x80                    ? 1
                       : first >= 0xC2 && first < 0xE0 ? 2
                       : first >= 0xE0 && first < 0xF0 ? 3
                       : first >= 0xF0 && first < 0xF5 ? 4
                                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xC0) != 0x80) return 0;
  if (length == 3 && ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) >= 0xA0)))
    return 0;  // overlong, surrogate
  if (length == 4 && ((first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) >= 0x90)))
    return 0;  // overlong, too high
  return length;
}

/// U+0080 to U+009F: control characters of eight-bit terminals.
bool is_c1(std::string_view character) {
  return character.size() == 2 && character[0] == '\xC2' && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::size_t levenshtein(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

struct DurationUnit {
  std::string_view name;
  double nanoseconds;
};
constexpr DurationUnit kDurationUnits[] = {{"ns", 1},   {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3},
                                           {"ms", 1e6}, {"s", 1e9},  {"m", 6e10},        {"h", 3.6e12}};

/// "1.5" with at least one digit; taken off the front.
std::optional<double> take_decimal(std::string_view& text) {
  std::size_t size = 0, digits = 0;
  bool point = false;
  for (; size < text.size(); ++size) {
    if (text[size] == '.' && !point)
      point = true;
    else if (text[size] >= '0' && text[size] <= '9')
      ++digits;
    else
      break;
  }
  if (digits == 0 || size > 40) return std::nullopt;
  std::string number = "0" + std::string(text.substr(0, size));  // from_chars wants a digit before the point
  text.remove_prefix(size);
  double value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  return value;
}

std::string trimmed_decimal(double value) {
  std::string text = fmt::format("{:.9f}", value);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::string_view trim(std::string_view text, std::string_view what) {
  std::size_t first = text.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(what) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i) joined += separator;
    joined += parts[i];
  }
  return joined;
}

std::string lower_ascii(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return lowered;
}

bool iequals_ascii(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::uint64_t> find_unsigned(std::string_view text) { return find_number<std::uint64_t>(text, 10); }
std::optional<std::int64_t> find_integer(std::string_view text) { return find_number<std::int64_t>(text, 10); }
std::optional<std::uint64_t> find_octal(std::string_view text) { return find_number<std::uint64_t>(text, 8); }

std::optional<std::uint64_t> find_size_bytes(std::string_view text) {
  auto value = take_decimal(text);
  if (!value) return std::nullopt;
  std::string unit = lower_ascii(trim(text));
  if (unit.ends_with("ib") && unit.size() == 3) unit.resize(1);
  if (unit.ends_with('b') && unit.size() == 2) unit.resize(1);
  if (unit == "b") unit.clear();
  constexpr std::string_view kUnits = "kmgtp";
  double factor = 1;
  if (!unit.empty()) {
    std::size_t power = kUnits.find(unit);
    if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
    for (std::size_t i = 0; i <= power; ++i) factor *= 1024;
  }
  double bytes = *value * factor;
  if (bytes >= 9.2e18) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string render_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::optional<std::int64_t> find_go_duration(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    auto value = take_decimal(text);
    if (!value) return std::nullopt;
    // "ms" before "m": the longest unit that fits.
    const DurationUnit* unit = nullptr;
    for (const DurationUnit& candidate : kDurationUnits)
      if (text.starts_with(candidate.name) && (!unit || candidate.name.size() > unit->name.size())) unit = &candidate;
    if (!unit) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += *value * unit->nanoseconds;
    if (total > 9.2e18) return std::nullopt;
  }
  auto nanoseconds = static_cast<std::int64_t>(total + 0.5);
  return negative ? -nanoseconds : nanoseconds;
}

std::string render_go_duration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  std::string sign = nanoseconds < 0 ? "-" : "";
  std::uint64_t rest =
      nanoseconds < 0 ? 0 - static_cast<std::uint64_t>(nanoseconds) : static_cast<std::uint64_t>(nanoseconds);
  auto small = static_cast<double>(rest);
  if (rest < 1'000) return fmt::format("{}{}ns", sign, rest);
  if (rest < 1'000'000) return sign + trimmed_decimal(small / 1e3) + "\xC2\xB5s";
  if (rest < 1'000'000'000) return sign + trimmed_decimal(small / 1e6) + "ms";
  std::uint64_t minutes = rest / 60'000'000'000, hours = minutes / 60;
  std::string seconds = trimmed_decimal(static_cast<double>(rest % 60'000'000'000) / 1e9) + "s";
  if (hours) return fmt::format("{}{}h{}m{}", sign, hours, minutes % 60, seconds);
  if (minutes) return fmt::format("{}{}m{}", sign, minutes, seconds);
  return sign + seconds;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string safe;
  while (!text.empty()) {
    if (safe.size() >= max_bytes) return safe + "...";
    std::size_t length = utf8_length(text);
    auto first = static_cast<unsigned char>(text[0]);
    bool control = length == 0 || first < 0x20 || first == 0x7F || is_c1(text.substr(0, length));
    if (!control) {
      safe += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    for (std::size_t i = 0; i < std::max<std::size_t>(1, length); ++i)
      safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return safe;
}

std::string go_quote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    constexpr std::string_view kNamed = "\a\b\f\n\r\t\v\"\\", kLetters = "abfnrtv\"\\";
    std::size_t named = kNamed.find(text[0]), length = utf8_length(text);
    if (named != std::string_view::npos) {
      quoted += '\\';
      quoted += kLetters[named];
    } else if (length == 0 || static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7F) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (is_c1(text.substr(0, length))) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[1]));
    } else {
      quoted += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return quoted + '"';
}

std::optional<std::string> find_nearest(std::string_view word, std::span<const std::string> candidates) {
  std::optional<std::string> nearest;
  std::size_t best = 3;
  for (const std::string& candidate : candidates) {
    if (iequals_ascii(word, candidate)) return std::nullopt;
    std::size_t gap = word.size() > candidate.size() ? word.size() - candidate.size() : candidate.size() - word.size();
    if (gap >= best) continue;
    if (std::size_t distance = levenshtein(word, candidate); distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::byte byte : bytes) {
    text += kDigits[static_cast<unsigned>(byte) >> 4];
    text += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace imgb
