#include "core/base/time.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <limits>

#include "core/base/text.h"

namespace imgb {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

/// Takes `digits` decimal digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  auto value = find_unsigned(text.substr(0, digits));
  if (!value) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<int>(*value);
}

bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

struct Clock {
  int hour, minute, second;
};

std::optional<Clock> take_clock(std::string_view& text) {
  auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return Clock{*hour, *minute, *second};
}

std::optional<Nanoseconds> combine(int year, int month, int day, Clock clock) {
  year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                      std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1678 || year > 2261) return std::nullopt;  // what 64 bits of nanoseconds can say
  std::int64_t seconds = std::int64_t{sys_days(date).time_since_epoch().count()} * 86400 + clock.hour * 3600 +
                         clock.minute * 60 + clock.second;
  return seconds * kNanosecondsPerSecond;
}

/// ".123456789", any number of digits; what is past nanoseconds is dropped.
std::optional<Nanoseconds> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return 0;
  Nanoseconds value = 0, unit = kNanosecondsPerSecond / 10;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits, unit /= 10)
    value += (text[digits] - '0') * unit;
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

std::optional<Nanoseconds> take_offset(std::string_view& text) {
  if (take(text, "Z") || take(text, "z")) return 0;
  int sign = text.starts_with('-') ? -1 : 1;
  if (!take(text, "+") && !take(text, "-")) return std::nullopt;
  auto hours = take_number(text, 2);
  if (!hours || !take(text, ":")) return std::nullopt;
  auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60) * kNanosecondsPerSecond;
}

}  // namespace

Nanoseconds nanoseconds_of(std::int64_t seconds, Nanoseconds rest) {
  constexpr std::int64_t kMost = std::numeric_limits<Nanoseconds>::max() / kNanosecondsPerSecond - 1;
  if (seconds > kMost) return kMost * kNanosecondsPerSecond;
  if (seconds < -kMost) return -kMost * kNanosecondsPerSecond;
  return seconds * kNanosecondsPerSecond + rest;
}

Nanoseconds now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string render_rfc3339(Nanoseconds time) {
  std::int64_t seconds = time / kNanosecondsPerSecond, fraction = time % kNanosecondsPerSecond;
  if (fraction < 0) fraction += kNanosecondsPerSecond, --seconds;
  std::int64_t day = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) rest += 86400, --day;
  year_month_day date{sys_days(days(day))};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3600,
                                 rest / 60 % 60, rest % 60);
  if (fraction) {
    text += fmt::format(".{:09}", fraction);
    text.resize(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::optional<Nanoseconds> find_rfc3339(std::string_view text) {
  auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  auto day = take_number(text, 2);
  if (!day || !(take(text, "T") || take(text, "t") || take(text, " "))) return std::nullopt;
  auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  auto time = combine(*year, *month, *day, *clock);
  if (!time) return std::nullopt;
  return *time + *fraction - *offset;
}

std::optional<Nanoseconds> find_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::size_t comma = text.find(", ");
  if (comma != 3) return std::nullopt;
  text.remove_prefix(5);
  auto day = take_number(text, 2);
  if (!day || !take(text, " ")) return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (take(text, kMonths[i])) month = static_cast<int>(i) + 1;
  if (!month || !take(text, " ")) return std::nullopt;
  auto year = take_number(text, 4);
  if (!year || !take(text, " ")) return std::nullopt;
  auto clock = take_clock(text);
  if (!clock || text != " GMT") return std::nullopt;
  return combine(*year, month, *day, *clock);
}

}  // namespace imgb
