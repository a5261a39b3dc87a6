#include "builder/text_scan.h"

namespace imgb {
namespace {

constexpr char32_t kInvalidByte = 0x110000;

/// How many bytes a lead byte announces; 0 for bytes that cannot lead.
std::size_t sequence_size(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if ((lead & 0xF0) == 0xE0) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

bool is_valid(char32_t value, std::size_t size) {
  if (size == 3) return value >= 0x800 && (value < 0xD800 || value > 0xDFFF);
  if (size == 4) return value >= 0x10000 && value <= 0x10FFFF;
  return true;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  CodePoint invalid{kInvalidByte + lead, 1};
  std::size_t size = sequence_size(lead);
  if (size == 0 || text.size() < size) return invalid;
  char32_t value = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return invalid;
    value = value << 6 | (next & 0x3Fu);
  }
  return is_valid(value, size) ? CodePoint{value, size} : invalid;
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view trim_spaces_left(std::string_view text) {
  while (!text.empty()) {
    CodePoint c = first_code_point(text);
    if (!is_space(c.value)) break;
    text.remove_prefix(c.size);
  }
  return text;
}

std::string_view trim_spaces(std::string_view text) {
  text = trim_spaces_left(text);
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    CodePoint last = first_code_point(text.substr(start));
    if (start + last.size != text.size() || !is_space(last.value)) break;
    text.remove_suffix(last.size);
  }
  return text;
}

}  // namespace imgb
