#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace imgb {

/// One step of decoding: how many bytes were taken (0 at the end) and which character they are. Bytes that are no
/// UTF-8 (overlong forms, surrogates and cut sequences included) are taken one at a time with `valid` false.
struct Utf8Step {
  std::size_t size = 0;
  char32_t rune = 0;
  bool valid = false;
};
Utf8Step first_rune(std::string_view text) noexcept;

}  // namespace imgb
