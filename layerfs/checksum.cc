#include "layerfs/checksum.h"

#include <isa-l/crc.h>

namespace imgb {

std::uint32_t crc32(std::string_view bytes) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace imgb
