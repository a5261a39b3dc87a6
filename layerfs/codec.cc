#include "layerfs/codec.h"

#include <algorithm>
#include <string_view>

#include "core/base/error.h"

namespace imgb {
namespace {

constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr std::string_view kXzMagic{"\xfd\x37zXZ\0", 6};
constexpr std::string_view kBzip2Magic = "BZh";

/// zstd streams may also begin with a frame to be skipped: 0x184d2a50 to 5f, little-endian.
bool is_zstd(std::string_view start) {
  if (start.starts_with(kZstdMagic)) return true;
  return start.size() >= 4 && (start[0] & 0xf0) == 0x50 && start.substr(1, 3) == "\x2a\x4d\x18";
}

class PlainCompressor : public Compressor {
 public:
  std::span<const std::byte> compress(std::span<const std::byte> segment, std::vector<std::byte>&) override {
    return segment;
  }
};

class PlainSource : public Source {
 public:
  explicit PlainSource(Source& from) : from_(from) {}
  std::size_t read(std::span<std::byte> into) override { return from_.read(into); }

 private:
  Source& from_;
};

class SniffingDecompressor : public Source {
 public:
  explicit SniffingDecompressor(Source& from) : from_(from) {
    std::string_view start = from_.start();
    if (start.starts_with(kXzMagic)) {
      decompressor_ = make_xz_decompressor(from_);
    } else if (start.starts_with(kBzip2Magic)) {
      decompressor_ = make_bzip2_decompressor(from_);
    } else {
      decompressor_ = make_decompressor(sniff_compression(as_bytes(start)), from_);
    }
  }
  std::size_t read(std::span<std::byte> into) override { return decompressor_->read(into); }

 private:
  RewoundSource from_;
  std::unique_ptr<Source> decompressor_;
};

std::unique_ptr<Compressor> make_gzip_compressor(int level) {
  if (level < 0 || level > 9) throw_error(ErrorKind::usage, "gzip has levels 0 to 9, not {}", level);
  // igzip's levels 1 and 2 lie in speed and size where zlib's do. Its level 3 gives other bytes on AVX2 than on
  // AVX-512.
  return level == 1 || level == 2 ? make_igzip_compressor(level) : make_zlib_compressor(level);
}

void append_le32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

}  // namespace

RewoundSource::RewoundSource(Source& from) : from_(from) {
  while (length_ < start_.size()) {
    std::size_t got = from_.read(std::span(start_).subspan(length_));
    if (got == 0) break;
    length_ += got;
  }
}

std::size_t RewoundSource::read(std::span<std::byte> into) {
  if (given_ == length_) return from_.read(into);
  std::size_t count = std::min(into.size(), length_ - given_);
  std::copy_n(start_.begin() + given_, count, into.begin());
  given_ += count;
  return count;
}

std::unique_ptr<Compressor> make_compressor(Compression compression, std::optional<int> level) {
  switch (compression) {
    case Compression::none:
      return std::make_unique<PlainCompressor>();
    case Compression::gzip:
      return make_gzip_compressor(level.value_or(1));
    case Compression::zstd:
      return make_zstd_compressor(level.value_or(1));
  }
  throw_error(ErrorKind::internal, "unknown compression");
}

// RFC 1952: deflate; no name, no time, no host. One member, whatever the number of segments.
std::string stream_head(Compression compression) {
  return compression == Compression::gzip ? std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10) : std::string();
}

std::string stream_tail(Compression compression, std::uint32_t crc, std::uint64_t size_bytes) {
  if (compression != Compression::gzip) return {};
  std::string tail("\x03\0", 2);  // RFC 1951: a last block with nothing in it, since no segment is the last
  append_le32(tail, crc);
  append_le32(tail, static_cast<std::uint32_t>(size_bytes));
  return tail;
}

std::unique_ptr<Source> make_decompressor(Compression compression, Source& from) {
  switch (compression) {
    case Compression::none:
      return std::make_unique<PlainSource>(from);
    case Compression::gzip:
      return make_igzip_decompressor(from);
    case Compression::zstd:
      return make_zstd_decompressor(from);
  }
  throw_error(ErrorKind::internal, "unknown compression");
}

Compression sniff_compression(std::span<const std::byte> start) {
  std::string_view text = as_text(start);
  if (text.starts_with(kGzipMagic)) return Compression::gzip;
  return is_zstd(text) ? Compression::zstd : Compression::none;
}

bool is_compressed(std::span<const std::byte> start) {
  std::string_view text = as_text(start);
  return text.starts_with(kXzMagic) || text.starts_with(kBzip2Magic) || sniff_compression(start) != Compression::none;
}

std::unique_ptr<Source> make_sniffing_decompressor(Source& from) {
  return std::make_unique<SniffingDecompressor>(from);
}

}  // namespace imgb
