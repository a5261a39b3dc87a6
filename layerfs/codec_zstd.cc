#include <zstd.h>

#include <vector>

#include "core/base/error.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

constexpr int kMaxWindowLog = 27;  // 128 MiB (V20)

std::size_t checked(std::size_t result, ErrorKind kind) {
  if (ZSTD_isError(result)) throw_error(kind, "zstd: {}", ZSTD_getErrorName(result));
  return result;
}

class ZstdCompressor : public Compressor {
 public:
  explicit ZstdCompressor(int level) : context_(ZSTD_createCCtx()) {
    if (level < 1 || level > 19) throw_error(ErrorKind::usage, "zstd has levels 1 to 19, not {}", level);
    checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level), ErrorKind::internal);
    checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1), ErrorKind::internal);
  }

  std::span<const std::byte> compress(std::span<const std::byte> segment, std::vector<std::byte>& room) override {
    if (std::size_t most = ZSTD_compressBound(segment.size()); room.size() < most) room.resize(most);
    std::size_t made = ZSTD_compress2(context_.get(), room.data(), room.size(), segment.data(), segment.size());
    return std::span(room).first(checked(made, ErrorKind::internal));
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

class ZstdDecompressor : public Source {
 public:
  explicit ZstdDecompressor(Source& from) : from_(from), context_(ZSTD_createDCtx()), in_(ZSTD_DStreamInSize()) {
    checked(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog), ErrorKind::internal);
  }

  std::size_t read(std::span<std::byte> into) override {
    while (true) {
      bool drained = input_.pos == input_.size;
      if (drained && !more_inside_ && !refill()) return 0;
      ZSTD_outBuffer out{into.data(), into.size(), 0};
      frame_left_ = checked(ZSTD_decompressStream(context_.get(), &out, &input_), ErrorKind::corrupt);
      more_inside_ = out.pos == out.size && frame_left_ != 0;
      if (out.pos > 0) return out.pos;
    }
  }

 private:
  bool refill() {
    std::size_t got = from_.read(in_);
    input_ = {in_.data(), got, 0};
    if (got > 0) {
      seen_any_ = true;
      return true;
    }
    if (frame_left_ != 0 || !seen_any_) throw_error(ErrorKind::corrupt, "zstd stream is cut short");
    return false;
  }

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  Source& from_;
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  std::vector<std::byte> in_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  std::size_t frame_left_ = 0;
  bool more_inside_ = false, seen_any_ = false;
};

}  // namespace

std::unique_ptr<Compressor> make_zstd_compressor(int level) { return std::make_unique<ZstdCompressor>(level); }

std::unique_ptr<Source> make_zstd_decompressor(Source& from) { return std::make_unique<ZstdDecompressor>(from); }

}  // namespace imgb
