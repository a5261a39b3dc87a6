#include "layerfs/checksum.h"

#include <isa-l/crc.h>
#include <zlib.h>

#include "core/base/stream.h"

namespace imgb {

std::uint32_t crc32(std::string_view bytes) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::uint32_t crc32(std::span<const std::byte> bytes) { return crc32(as_text(bytes)); }

std::uint32_t join_crc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  return static_cast<std::uint32_t>(::crc32_combine(first, second, static_cast<z_off_t>(second_bytes)));
}

}  // namespace imgb
