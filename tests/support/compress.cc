#include "tests/support/compress.h"

#include "layerfs/checksum.h"

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

CompressingSink::CompressingSink(Compression how, std::optional<int> level, Sink& into)
    : how_(how), compressor_(make_compressor(how, level)), into_(into) {
  into_.write(as_bytes(stream_head(how)));
}

void CompressingSink::write(std::span<const std::byte> bytes) {
  crc_ = join_crc32(crc_, crc32(bytes), bytes.size());
  size_bytes_ += bytes.size();
  into_.write(compressor_->compress(bytes, room_));
}

void CompressingSink::finish() { into_.write(as_bytes(stream_tail(how_, crc_, size_bytes_))); }

}  // namespace imgb
