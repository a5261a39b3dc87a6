#include <fmt/core.h>

#include <array>
#include <limits>

#include "core/base/text.h"

namespace imgb {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
// The longer of two names with one beginning comes first.
constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"\xC2\xB5s", 1'000},  // U+00B5 micro sign
                                         {"\xCE\xBCs", 1'000},  // U+03BC Greek mu
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};
constexpr std::uint64_t kLimit = 1ULL << 63;

struct Decimal {
  std::uint64_t whole = 0, fraction = 0;
  double scale = 1;  ///< fraction / scale is what stands after the point.
};

/// "12", "12.5", ".5"; nullopt without any digit or when the whole part overflows.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal value;
  bool any = false, point = false, full = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    char c = text.front();
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    std::uint64_t& part = point ? value.fraction : value.whole;
    if (full) continue;  // digits past what a nanosecond needs
    std::uint64_t next = part * 10 + static_cast<std::uint64_t>(c - '0');
    bool fits = part <= kLimit / 10 && next <= kLimit;
    if (!fits && !point) return std::nullopt;
    full = !fits;
    if (full) continue;
    part = next;
    if (point) value.scale *= 10;
  }
  if (!any) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> take_unit(std::string_view& text) {
  std::size_t size = std::min(text.find_first_of(".0123456789"), text.size());
  for (const Unit& unit : kUnits) {
    if (text.substr(0, size) != unit.name) continue;
    text.remove_prefix(size);
    return unit.nanoseconds;
  }
  return std::nullopt;
}

/// 1.5 and "s": the fraction of `value` over 10^digits without its trailing zeros.
std::string with_fraction(std::uint64_t value, int digits, std::string_view unit) {
  std::uint64_t scale = 1;
  for (int i = 0; i < digits; ++i) scale *= 10;
  std::string text = fmt::format("{}.{:0{}}", value / scale, value % scale, digits);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text.append(unit);
}

}  // namespace

std::optional<std::int64_t> find_go_duration(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    auto value = take_decimal(text);
    if (!value) return std::nullopt;
    auto unit = take_unit(text);
    if (!unit || value->whole > kLimit / *unit) return std::nullopt;
    std::uint64_t part = value->whole * *unit;
    part +=
        static_cast<std::uint64_t>(static_cast<double>(value->fraction) * (static_cast<double>(*unit) / value->scale));
    total += part;
    if (part > kLimit || total > kLimit) return std::nullopt;
  }
  if (negative) return static_cast<std::int64_t>(-total);
  if (total == kLimit) return std::nullopt;
  return static_cast<std::int64_t>(total);
}

std::string render_go_duration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  std::uint64_t value =
      nanoseconds < 0 ? -static_cast<std::uint64_t>(nanoseconds) : static_cast<std::uint64_t>(nanoseconds);
  std::string text = nanoseconds < 0 ? "-" : "";
  if (value < 1'000) return text + fmt::format("{}ns", value);
  if (value < 1'000'000) return text + with_fraction(value, 3, "\xC2\xB5s");
  if (value < 1'000'000'000) return text + with_fraction(value, 6, "ms");
  std::uint64_t minutes = value / 60'000'000'000;
  if (minutes >= 60) text += fmt::format("{}h", minutes / 60);
  if (minutes > 0) text += fmt::format("{}m", minutes % 60);
  return text + with_fraction(value % 60'000'000'000, 9, "s");
}

}  // namespace imgb
