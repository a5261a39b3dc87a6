#define ZLIB_CONST
#include <zlib.h>

#include <vector>

#include "core/base/error.h"
#include "layerfs/checksum.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

constexpr int kRawWindowBits = -15;  // deflate without a header
constexpr int kMemoryLevel = 8;
constexpr std::size_t kFlushBytes = 64;

class ZlibCompressor : public Compressor {
 public:
  explicit ZlibCompressor(int level) {
    if (deflateInit2(&stream_, level, Z_DEFLATED, kRawWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
      throw_error(ErrorKind::internal, "zlib cannot start");
  }
  ZlibCompressor(const ZlibCompressor&) = delete;
  ~ZlibCompressor() override { deflateEnd(&stream_); }

  std::span<const std::byte> compress(std::span<const std::byte> segment, std::vector<std::byte>& room) override {
    if (deflateReset(&stream_) != Z_OK) throw_error(ErrorKind::internal, "zlib cannot start again");
    stream_.next_in = reinterpret_cast<const Bytef*>(segment.data());
    stream_.avail_in = static_cast<uInt>(segment.size());
    std::size_t most = deflateBound(&stream_, segment.size()) + kFlushBytes;
    if (room.size() < most) room.resize(most);
    stream_.next_out = reinterpret_cast<Bytef*>(room.data());
    stream_.avail_out = static_cast<uInt>(room.size());
    if (deflate(&stream_, Z_FULL_FLUSH) != Z_OK || stream_.avail_in > 0 || stream_.avail_out == 0)
      throw_error(ErrorKind::internal, "zlib cannot compress");
    return std::span(room).first(room.size() - stream_.avail_out);
  }

 private:
  z_stream stream_{};
};

}  // namespace

std::uint32_t join_crc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  return static_cast<std::uint32_t>(::crc32_combine(first, second, static_cast<z_off_t>(second_bytes)));
}

std::unique_ptr<Compressor> make_zlib_compressor(int level) { return std::make_unique<ZlibCompressor>(level); }

}  // namespace imgb
