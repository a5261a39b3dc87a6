#include "tests/support/compress.h"

#include <vector>

#include "core/base/stream.h"
#include "layerfs/checksum.h"
#include "layerfs/codec.h"

namespace imgb {

std::string compress(Compression how, std::optional<int> level, std::string_view text, std::size_t piece) {
  auto compressor = make_compressor(how, level);
  std::string out = stream_head(how);
  std::vector<std::byte> room;
  std::size_t at = 0;
  do {
    out += as_text(compressor->compress(as_bytes(text.substr(at, piece)), room));
    at += piece;
  } while (at < text.size());
  return out + stream_tail(how, crc32(text), text.size());
}

}  // namespace imgb
