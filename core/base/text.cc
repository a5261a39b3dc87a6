#include "core/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include "core/base/utf8.h"

namespace imgb {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

template <class Number>
std::optional<Number> find_number(std::string_view text, int base) {
  Number value{};
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_up, up, row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    two_up = std::exchange(up, row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({up[j] + (lower(a[i]) != lower(b[j])), row[j] + 1, up[j + 1] + 1});
      bool swapped = i > 0 && j > 0 && lower(a[i]) == lower(b[j - 1]) && lower(a[i - 1]) == lower(b[j]);
      if (swapped) row[j + 1] = std::min(row[j + 1], two_up[j - 1] + 1);
    }
  }
  return row.back();
}

/// Characters that change how others are shown, or that terminals act on.
bool is_unsafe(char32_t rune) {
  return rune < 0x20 || (rune >= 0x7F && rune < 0xA0) || rune == 0x200E || rune == 0x200F ||
         (rune >= 0x2028 && rune <= 0x202E) || (rune >= 0x2066 && rune <= 0x2069);
}

/// An approximation of unicode.IsPrint: spaces other than ' ', format characters and private use are not.
bool is_go_printable(char32_t rune) {
  if (rune < 0x20 || (rune >= 0x7F && rune <= 0xA0) || rune == 0xAD) return false;
  if ((rune >= 0x2000 && rune <= 0x200F) || (rune >= 0x2028 && rune <= 0x202F)) return false;
  if ((rune >= 0x205F && rune <= 0x206F) || rune == 0x3000 || rune == 0xFEFF) return false;
  if ((rune >= 0xE000 && rune <= 0xF8FF) || (rune >= 0xFFF0 && rune <= 0xFFFB)) return false;
  return (rune & 0xFFFE) != 0xFFFE && rune < 0xE0000;
}

std::string hex_escapes(std::string_view bytes) {
  std::string out;
  for (unsigned char c : bytes) out += fmt::format("\\x{:02x}", c);
  return out;
}

std::string go_escape(char32_t rune) {
  static constexpr std::string_view kNamed = "\a\b\t\n\v\f\r";
  if (rune >= 7 && rune <= 13) return std::string("\\") + "abtnvfr"[kNamed.find(static_cast<char>(rune))];
  if (rune < 0x80) return fmt::format("\\x{:02x}", static_cast<unsigned>(rune));
  if (rune < 0x10000) return fmt::format("\\u{:04x}", static_cast<unsigned>(rune));
  return fmt::format("\\U{:08x}", static_cast<unsigned>(rune));
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
    std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool iequals_ascii(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::uint64_t> find_unsigned(std::string_view text) { return find_number<std::uint64_t>(text, 10); }
std::optional<std::int64_t> find_integer(std::string_view text) { return find_number<std::int64_t>(text, 10); }
std::optional<std::uint64_t> find_octal(std::string_view text) { return find_number<std::uint64_t>(text, 8); }

std::optional<std::uint64_t> find_size_bytes(std::string_view text) {
  std::size_t last = text.find_last_of("0123456789. ");
  if (last == std::string_view::npos) return std::nullopt;
  std::string_view number = text.substr(0, text[last] == ' ' ? last : last + 1);
  std::string suffix = lower_ascii(text.substr(last + 1));
  if (number.empty() || number.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
  double value = 0;
  auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  if (problem != std::errc() || end != number.data() + number.size()) return std::nullopt;
  if (!suffix.empty() && suffix != "b") {
    std::size_t power = std::string_view("kmgtp").find(suffix[0]);
    std::string_view rest = std::string_view(suffix).substr(1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib")) return std::nullopt;
    value *= static_cast<double>(1ULL << (10 * (power + 1)));
  }
  if (value >= 9223372036854775808.0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::string render_size(std::uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    Utf8Step step = first_rune(text);
    std::string_view bytes = text.substr(0, step.size);
    std::string shown = step.valid && !is_unsafe(step.rune) ? std::string(bytes) : hex_escapes(bytes);
    if (out.size() + shown.size() > max_bytes) return out + "...";
    out += shown;
    text.remove_prefix(step.size);
  }
  return out;
}

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    Utf8Step step = first_rune(text);
    std::string_view bytes = text.substr(0, step.size);
    text.remove_prefix(step.size);
    if (!step.valid) {
      out += hex_escapes(bytes);
    } else if (step.rune == '"' || step.rune == '\\') {
      out += '\\';
      out += bytes;
    } else if (is_go_printable(step.rune)) {
      out += bytes;
    } else {
      out += go_escape(step.rune);
    }
  }
  return out + "\"";
}

std::optional<std::string> find_nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = 3;
  for (const std::string& candidate : candidates) {
    if (iequals_ascii(candidate, word)) return std::nullopt;
    std::size_t longer = std::max(word.size(), candidate.size()), shorter = std::min(word.size(), candidate.size());
    if (longer - shorter >= best_distance) continue;
    std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best = &candidate, best_distance = distance;
  }
  if (!best) return std::nullopt;
  return *best;
}

std::string hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (std::byte b : bytes) {
    text += kDigits[static_cast<unsigned>(b) >> 4];
    text += kDigits[static_cast<unsigned>(b) & 15];
  }
  return text;
}

}  // namespace imgb
