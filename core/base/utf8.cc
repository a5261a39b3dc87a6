#include "core/base/utf8.h"

namespace imgb {

Utf8Step first_rune(std::string_view text) noexcept {
  if (text.empty()) return {};
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned lead = byte(0);
  if (lead < 0x80) return {1, lead, true};
  std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {1, lead, false};
  char32_t rune = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {1, lead, false};
    rune = rune << 6 | (byte(i) & 0x3F);
  }
  static constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = rune >= 0xD800 && rune <= 0xDFFF;
  if (rune < kLeast[size] || rune > 0x10FFFF || surrogate) return {1, lead, false};
  return {size, rune, true};
}

}  // namespace imgb
