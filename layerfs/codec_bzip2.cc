#include <bzlib.h>

#include <vector>

#include "core/base/error.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

class Bzip2Decompressor : public Source {
 public:
  explicit Bzip2Decompressor(Source& from) : from_(from), in_(kStreamBufferBytes) { begin(); }
  Bzip2Decompressor(const Bzip2Decompressor&) = delete;
  ~Bzip2Decompressor() override { BZ2_bzDecompressEnd(&stream_); }

  std::size_t read(std::span<std::byte> into) override {
    stream_.next_out = reinterpret_cast<char*>(into.data());
    stream_.avail_out = static_cast<unsigned>(into.size());
    while (stream_.avail_out == into.size()) {
      if (stream_.avail_in == 0 && !refill()) return 0;
      if (member_ended_) begin_next_member();
      int result = BZ2_bzDecompress(&stream_);
      if (result != BZ_OK && result != BZ_STREAM_END)
        throw_error(ErrorKind::corrupt, "damaged bzip2 stream (code {})", result);
      member_ended_ = result == BZ_STREAM_END;
    }
    return into.size() - stream_.avail_out;
  }

 private:
  void begin() {
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw_error(ErrorKind::internal, "bzip2 cannot start");
    member_ended_ = false;
  }
  void begin_next_member() {
    bz_stream before = stream_;
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    begin();
    stream_.next_in = before.next_in;
    stream_.avail_in = before.avail_in;
    stream_.next_out = before.next_out;
    stream_.avail_out = before.avail_out;
  }
  bool refill() {
    std::size_t got = from_.read(in_);
    stream_.next_in = reinterpret_cast<char*>(in_.data());
    stream_.avail_in = static_cast<unsigned>(got);
    if (got == 0 && !member_ended_) throw_error(ErrorKind::corrupt, "bzip2 stream is cut short");
    return got > 0;
  }

  Source& from_;
  bz_stream stream_{};
  std::vector<std::byte> in_;
  bool member_ended_ = false;
};

}  // namespace

std::unique_ptr<Source> make_bzip2_decompressor(Source& from) { return std::make_unique<Bzip2Decompressor>(from); }

}  // namespace imgb
