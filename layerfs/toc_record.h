#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layerfs/toc.h"

namespace imgb {

/// The binary form of a table of contents (docs/formats.md): header, records of one size, a pool of bytes that records
/// point into. Little-endian, naturally aligned within the file.
static_assert(std::endian::native == std::endian::little, "records are written as they lie in memory");

inline constexpr std::array<char, 8> kTocMagic{'i', 'm', 'g', 'b', 't', 'o', 'c', '1'};

struct TocHeader {
  std::array<char, 8> magic = kTocMagic;
  std::uint32_t count = 0;
  std::array<std::uint32_t, 4> count_of_kind{};
  std::uint32_t checksum = 0;  ///< CRC-32 (gzip's) of all that follows the header.
  std::uint64_t pool_bytes = 0;
  std::uint64_t unused = 0;
};
static_assert(sizeof(TocHeader) == 48);

struct TocRecord {
  struct Slice {  ///< Of the pool.
    std::uint32_t offset = 0, length = 0;
  };
  Slice path;
  Slice target;  ///< Symlink's target, or the hard link's path.
  Slice xattrs;  ///< Each: u32 length of key, u32 length of value, key, value.
  std::uint8_t kind = 0, type = 0, has_content = 0, unused = 0;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::int64_t mtime = 0;
  std::uint64_t size_bytes = 0, rdev = 0, data_offset = 0;
  std::array<std::byte, 32> content{};
};
static_assert(sizeof(TocRecord) == 104);

/// A table as it is held: made here, or as it was read.
struct Toc::Table {
  std::array<std::uint32_t, 4> count_of_kind{};
  std::vector<TocRecord> made_records;
  std::string made_pool;
  std::unique_ptr<std::byte[]> read;  ///< `read_count` records, then the pool; not filled with zeros before.
  std::size_t read_count = 0, read_pool_bytes = 0;

  std::span<const TocRecord> records() const {
    if (!read) return made_records;
    return {reinterpret_cast<const TocRecord*>(read.get()), read_count};
  }
  std::string_view pool() const {
    if (!read) return made_pool;
    return {reinterpret_cast<const char*>(read.get() + read_count * sizeof(TocRecord)), read_pool_bytes};
  }
};

/// Collects entries in the compact form: some 100 bytes and the path each.
class TocBuilder {
 public:
  /// Its index. Order is free until `finish`. Error(input): a path of more than kMaxPathBytes, names and attributes
  /// that are too many together.
  std::size_t add(const TocEntry& entry);
  std::size_t size() const { return records_.size(); }
  std::string_view path(std::size_t index) const { return text(records_[index].path); }
  TocEntry::Kind kind(std::size_t index) const { return static_cast<TocEntry::Kind>(records_[index].kind); }
  TocEntry entry(std::size_t index) const;
  /// By binary search. REQUIRES: entries were added in order.
  std::optional<std::size_t> find_sorted(std::string_view path, TocEntry::Kind kind) const;
  /// Replaces what became known after `add`: where the bytes are, and their digest.
  void set_content(std::size_t index, std::uint64_t data_offset, const Digest& content);
  /// Error(input) when names and attributes take so many bytes more than a layer may have (V21).
  void check_room(std::uint64_t more_bytes) const;
  /// The table of the entries named by `keep`, sorted. Nothing is left here. Error(internal) on two of one path and
  /// kind.
  Toc finish(std::vector<std::uint32_t> keep);
  Toc finish();  ///< Of all entries.

 private:
  std::string_view text(TocRecord::Slice slice) const {
    return std::string_view(pool_).substr(slice.offset, slice.length);
  }
  TocRecord::Slice keep_text(std::string_view text);
  void arrange(std::vector<std::uint32_t> order);
  std::vector<TocRecord> records_;
  std::string pool_;
};

TocEntry decode(const TocRecord& record, std::string_view pool);  ///< Error(corrupt).

}  // namespace imgb
