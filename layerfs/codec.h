#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/stream.h"
#include "core/oci/descriptor.h"

namespace imgb {

/// A compressed stream is made of segments that are compressed each by itself, so that several may be compressed at
/// once and a segment that an earlier stream holds too need not be compressed again. The stream is stream_head(), the
/// segments in order (zstd: at least one, if only an empty one), stream_tail().
///
/// What a segment becomes depends on its bytes, the codec and the level, on nothing else: not on its neighbours, the
/// CPU, the number of threads or the time. Where a stream is cut is its writer's business (layerfs/segment_writer.h).
class Compressor {
 public:
  virtual ~Compressor() = default;
  /// Compresses one segment, into `room` (which it replaces) or, where there is nothing to do, not at all. The result
  /// is good until either changes. Not shared between threads.
  virtual std::span<const std::byte> compress(std::span<const std::byte> segment, std::vector<std::byte>& room) = 0;
};

/// `level` is the codec's own scale (gzip 0 to 9, zstd 1 to 19); unset is fast: gzip by igzip at about 7 times zlib's
/// speed, zstd level 1. Error(usage) for a level the codec does not have.
std::unique_ptr<Compressor> make_compressor(Compression compression, std::optional<int> level);
std::string stream_head(Compression compression);
/// `crc` and `size_bytes` are of all that was compressed (layerfs/checksum.h).
std::string stream_tail(Compression compression, std::uint32_t crc, std::uint64_t size_bytes);

/// Decompresses as it is read. Concatenated members or frames are one stream (V18). Error(corrupt): cut short, wrong
/// checksum, not of this format, a zstd window above 128 MiB (V19, V20). Borrows `from`.
std::unique_ptr<Source> make_decompressor(Compression compression, Source& from);

/// What the first bytes of a stream say; at least 4 are needed. A tar has no magic there: none.
Compression sniff_compression(std::span<const std::byte> start);

/// Whether they say gzip, zstd, xz or bzip2: what make_sniffing_decompressor would decompress.
bool is_compressed(std::span<const std::byte> start);

/// Gives back the first bytes, which were looked at, then the rest. Borrows `from`.
class RewoundSource : public Source {
 public:
  explicit RewoundSource(Source& from);
  std::string_view start() const { return as_text(std::span(start_).first(length_)); }  ///< 8, or all there are.
  std::size_t read(std::span<std::byte> into) override;

 private:
  Source& from_;
  std::array<std::byte, 8> start_{};
  std::size_t length_ = 0, given_ = 0;
};

/// A decompressor chosen by the first bytes, for archives that come without a media type: also xz and bzip2 (ADD,
/// dockerfile.md 3.3). For confined children; all others have layerfs/decoder.h. Borrows `from`.
std::unique_ptr<Source> make_sniffing_decompressor(Source& from);

// One wrapper file per library; make_compressor and make_decompressor choose.
std::unique_ptr<Compressor> make_igzip_compressor(int level);  ///< 1 or 2; raw deflate, each segment flushed.
std::unique_ptr<Compressor> make_zlib_compressor(int level);   ///< The same.
std::unique_ptr<Compressor> make_zstd_compressor(int level);   ///< Each segment a frame.
std::unique_ptr<Source> make_igzip_decompressor(Source& from);
std::unique_ptr<Source> make_zstd_decompressor(Source& from);
std::unique_ptr<Source> make_xz_decompressor(Source& from);
std::unique_ptr<Source> make_bzip2_decompressor(Source& from);

}  // namespace imgb
