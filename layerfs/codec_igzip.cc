// igzip (libisal). Its body functions are chosen by CPU; those that hash with the CRC32 instruction (x86-64 with
// SSE 4.2) give the same bytes at levels 1 and 2. docs/formats.md says what was compared.
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "layerfs/checksum.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;

std::uint8_t* raw(std::byte* bytes) { return reinterpret_cast<std::uint8_t*>(bytes); }

class IgzipCompressor : public Compressor {
 public:
  explicit IgzipCompressor(int level)
      : level_(level), level_buffer_(level == 1 ? ISAL_DEF_LVL1_DEFAULT : ISAL_DEF_LVL2_DEFAULT) {}

  std::span<const std::byte> compress(std::span<const std::byte> segment, std::vector<std::byte>& room) override {
    isal_deflate_init(stream_.get());
    stream_->level = static_cast<std::uint32_t>(level_);
    stream_->level_buf = level_buffer_.data();
    stream_->level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_->flush = FULL_FLUSH;
    stream_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(segment.data()));
    stream_->avail_in = static_cast<std::uint32_t>(segment.size());
    // Enough for what cannot be compressed (stored blocks of 64 KiB), so that one call does it: igzip would flush twice
    // if the room ended where the segment does.
    std::size_t most = segment.size() + segment.size() / 1024 + 4096;
    if (room.size() < most) room.resize(most);
    stream_->next_out = raw(room.data());
    stream_->avail_out = static_cast<std::uint32_t>(room.size());
    if (int failed = isal_deflate(stream_.get()); failed != COMP_OK || stream_->avail_in > 0 || stream_->avail_out == 0)
      throw_error(ErrorKind::internal, "igzip cannot compress (code {})", failed);
    return std::span(room).first(room.size() - stream_->avail_out);
  }

 private:
  int level_;
  std::unique_ptr<isal_zstream> stream_ = std::make_unique<isal_zstream>();
  std::vector<std::uint8_t> level_buffer_;
};

class IgzipDecompressor : public Source {
 public:
  explicit IgzipDecompressor(Source& from) : from_(from), in_(kChunkBytes) {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

  std::size_t read(std::span<std::byte> into) override {
    while (true) {
      if (state_->avail_in == 0 && !more_inside_ && !refill()) return 0;
      if (state_->block_state == ISAL_BLOCK_FINISH) begin_next_member();
      state_->next_out = raw(into.data());
      state_->avail_out = static_cast<std::uint32_t>(into.size());
      int result = isal_inflate(state_.get());
      if (result == ISAL_INCORRECT_CHECKSUM) throw_error(ErrorKind::corrupt, "gzip stream with a wrong checksum");
      if (result < 0) throw_error(ErrorKind::corrupt, "damaged gzip stream");
      more_inside_ = state_->avail_out == 0 && state_->block_state != ISAL_BLOCK_FINISH;
      if (std::size_t made = into.size() - state_->avail_out; made > 0) return made;
    }
  }

 private:
  /// False at the end of the input, which must be the end of a member.
  bool refill() {
    std::size_t got = from_.read(in_);
    state_->next_in = raw(in_.data());
    state_->avail_in = static_cast<std::uint32_t>(got);
    if (got == 0 && state_->block_state != ISAL_BLOCK_FINISH)
      throw_error(ErrorKind::corrupt, "gzip stream is cut short");
    return got > 0;
  }

  void begin_next_member() {
    std::uint8_t* next = state_->next_in;
    std::uint32_t available = state_->avail_in;
    isal_inflate_reset(state_.get());
    state_->crc_flag = ISAL_GZIP;
    state_->next_in = next;
    state_->avail_in = available;
  }

  Source& from_;
  std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
  std::vector<std::byte> in_;
  bool more_inside_ = false;  // the output was too small for what is decoded
};

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::uint32_t crc32(std::span<const std::byte> bytes) { return crc32(as_text(bytes)); }

std::unique_ptr<Compressor> make_igzip_compressor(int level) { return std::make_unique<IgzipCompressor>(level); }

std::unique_ptr<Source> make_igzip_decompressor(Source& from) { return std::make_unique<IgzipDecompressor>(from); }

}  // namespace imgb
