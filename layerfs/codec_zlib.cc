#define ZLIB_CONST
#include <zlib.h>

#include <array>
#include <vector>

#include "core/base/error.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;

class ZlibCompressor : public Compressor {
 public:
  ZlibCompressor(int level, Sink& into) : into_(into), out_(kChunkBytes) {
    // The default gzip header has no name and no time.
    if (deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
      throw_error(ErrorKind::internal, "zlib cannot start");
  }
  ZlibCompressor(const ZlibCompressor&) = delete;
  ~ZlibCompressor() override { deflateEnd(&stream_); }

  void write(std::span<const std::byte> bytes) override { feed(bytes, Z_NO_FLUSH); }
  void finish() override { feed({}, Z_FINISH); }

 private:
  void feed(std::span<const std::byte> bytes, int flush) {
    stream_.next_in = reinterpret_cast<const Bytef*>(bytes.data());
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      if (deflate(&stream_, flush) == Z_STREAM_ERROR) throw_error(ErrorKind::internal, "zlib cannot compress");
      into_.write(std::span(out_).first(out_.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
  }

  Sink& into_;
  z_stream stream_{};
  std::vector<std::byte> out_;
};

}  // namespace

std::unique_ptr<Compressor> make_zlib_compressor(int level, Sink& into) {
  return std::make_unique<ZlibCompressor>(level, into);
}

}  // namespace imgb
