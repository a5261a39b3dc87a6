#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace imgb {

/// CRC-32 as gzip computes it, by the libraries that also compress. Finds torn files, not attacks.
std::uint32_t crc32(std::string_view bytes);
std::uint32_t crc32(std::span<const std::byte> bytes);
/// That of two pieces one after the other, from the CRCs of both and the length of the second.
std::uint32_t join_crc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes);

}  // namespace imgb
