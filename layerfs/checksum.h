#pragma once
#include <cstdint>
#include <string_view>

namespace imgb {

std::uint32_t crc32(std::string_view bytes);  ///< As gzip computes it. Finds torn files, not attacks.

}  // namespace imgb
