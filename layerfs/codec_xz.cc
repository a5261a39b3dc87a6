#include <lzma.h>

#include <vector>

#include "core/base/error.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxMemoryBytes = 192ULL << 20;  // xz -9 needs 65 MiB

class XzDecompressor : public Source {
 public:
  explicit XzDecompressor(Source& from) : from_(from), in_(kStreamBufferBytes) {
    if (lzma_stream_decoder(&stream_, kMaxMemoryBytes, LZMA_CONCATENATED) != LZMA_OK)
      throw_error(ErrorKind::internal, "xz cannot start");
  }
  XzDecompressor(const XzDecompressor&) = delete;
  ~XzDecompressor() override { lzma_end(&stream_); }

  std::size_t read(std::span<std::byte> into) override {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
    stream_.avail_out = into.size();
    while (!ended_ && stream_.avail_out == into.size()) step();
    return into.size() - stream_.avail_out;
  }

 private:
  void step() {
    if (stream_.avail_in == 0 && !input_ended_) {
      stream_.next_in = reinterpret_cast<const std::uint8_t*>(in_.data());
      stream_.avail_in = from_.read(in_);
      input_ended_ = stream_.avail_in == 0;
    }
    lzma_ret result = lzma_code(&stream_, input_ended_ ? LZMA_FINISH : LZMA_RUN);
    if (result == LZMA_STREAM_END) {
      ended_ = true;
    } else if (result == LZMA_MEMLIMIT_ERROR) {
      throw_error(ErrorKind::corrupt, "xz stream needs more than {} MiB of memory", kMaxMemoryBytes >> 20);
    } else if (result != LZMA_OK) {
      throw_error(ErrorKind::corrupt, "damaged xz stream (code {})", static_cast<int>(result));
    }
  }

  Source& from_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  std::vector<std::byte> in_;
  bool input_ended_ = false, ended_ = false;
};

}  // namespace

std::unique_ptr<Source> make_xz_decompressor(Source& from) { return std::make_unique<XzDecompressor>(from); }

}  // namespace imgb
