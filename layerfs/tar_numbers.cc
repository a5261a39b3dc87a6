#include <charconv>
#include <limits>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "layerfs/tar_check.h"

namespace imgb {
namespace {

/// Two's complement, big-endian; the first bit is only the mark and the second the sign.
std::optional<std::int64_t> find_binary(std::string_view field) {
  bool negative = (field[0] & 0x40) != 0;
  std::int64_t value = negative ? -1 : 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    auto byte = static_cast<unsigned char>(field[i]);
    if (i == 0) byte = negative ? byte | 0x80 : byte & 0x7f;
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() >> 8;
    if (value > kMax || value < -kMax - 1) return std::nullopt;
    value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << 8 | byte);
  }
  return value;
}

}  // namespace

std::optional<std::int64_t> find_tar_number(std::string_view field) {
  if (static_cast<unsigned char>(field[0]) & 0x80) return find_binary(field);
  std::size_t begin = field.find_first_not_of(' ');
  if (begin == std::string_view::npos) return 0;
  std::size_t end = field.find_first_not_of("01234567", begin);
  std::string_view digits = field.substr(begin, end == std::string_view::npos ? end : end - begin);
  std::string_view rest = end == std::string_view::npos ? std::string_view() : field.substr(end);
  if (rest.find_first_not_of(std::string_view(" \0", 2)) != std::string_view::npos) return std::nullopt;
  if (digits.empty()) return 0;
  auto value = find_octal(digits);
  if (!value || *value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<FileTime> find_pax_time(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::size_t dot = text.find('.');
  auto seconds = find_unsigned(text.substr(0, dot));
  if (!seconds || *seconds > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  std::string fraction(dot == std::string_view::npos ? "" : text.substr(dot + 1));
  if (fraction.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  fraction.resize(9, '0');
  FileTime time = nanoseconds_of(static_cast<std::int64_t>(*seconds), static_cast<FileTime>(*find_unsigned(fraction)));
  return negative ? -time : time;
}

std::map<std::string, std::string, std::less<>> parse_pax_records(std::string_view text) {
  std::map<std::string, std::string, std::less<>> records;
  while (!text.empty()) {
    std::size_t space = text.find(' ');
    auto length = find_unsigned(text.substr(0, space == std::string_view::npos ? 0 : space));
    if (!length || *length > text.size() || *length < space + 3 || text[*length - 1] != '\n')
      throw_error(ErrorKind::input, "a PAX record with a wrong length");
    std::string_view record = text.substr(space + 1, *length - space - 2);
    std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) throw_error(ErrorKind::input, "a PAX record without a key");
    if (!records.emplace(record.substr(0, equals), record.substr(equals + 1)).second)
      throw_error(ErrorKind::input, "PAX key {} twice", printable(record.substr(0, equals), 80));
    text.remove_prefix(*length);
  }
  return records;
}

}  // namespace imgb
