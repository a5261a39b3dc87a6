#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "layerfs/tar_format.h"

namespace imgb {

/// One member of a tar as its headers say it, before any policy: names are the bytes that were there.
struct TarEntry {
  std::string name, link_name;
  char type = '0';  ///< '0' file, '1' hard link, '2' symlink, '3' character and '4' block device, '5' folder, '6' fifo
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint64_t size_bytes = 0;  ///< Of the data; 0 for all but files.
  FileTime mtime = 0;
  std::uint64_t rdev = 0;
  Xattrs xattrs;                  ///< All of them.
  std::uint64_t data_offset = 0;  ///< Within the tar.
};

/// Reads the tars that images are made of (v7, ustar, GNU long names, PAX), strictly: where two readers could see two
/// different trees, the tar is refused (V13 to V18). The rules:
///   - every header has a right checksum and a type we know; GNU sparse files, multi-volume parts and volume labels are
///     refused; only files have data
///   - PAX overrides ustar; a key twice in one header, a size that contradicts a ustar size, a name given by PAX and by
///   GNU,
///     and global headers that set more than a comment are refused; an empty value leaves what ustar says
///   - one header's PAX records or long name take at most 1 MiB
///   - the tar ends at two blocks of zeros, or where the bytes end between two members; what follows is not looked at
/// Errors: Error(input) names entry and reason; Error(corrupt) when the bytes end in the middle.
class TarReader {
 public:
  /// Gives the next piece of the tar, which stays valid until the next call; empty at the end.
  using NextPiece = std::function<std::span<const std::byte>()>;
  explicit TarReader(NextPiece next_piece) : next_piece_(std::move(next_piece)) {}

  /// The next entry, past what is left of the present one's data; nullopt at the end, with everything read.
  std::optional<TarEntry> next();
  /// The next piece of the present entry's data, valid until the next call; empty at its end.
  std::span<const std::byte> data();
  std::uint64_t position() const { return position_; }  ///< Bytes read.

 private:
  struct Header;
  using PaxRecords = std::map<std::string, std::string, std::less<>>;
  bool refill();
  std::span<const std::byte> take(std::uint64_t max_bytes);
  bool read_block(std::span<char, kTarBlockBytes> block);
  bool find_header(Header& header);
  std::string read_extension(const Header& header);
  void read_long_name(const Header& header);
  void apply_pax(TarEntry& entry, const Header& header);
  TarEntry entry_of(const Header& header);
  void drain();

  NextPiece next_piece_;
  std::span<const std::byte> piece_;
  std::uint64_t position_ = 0;
  std::uint64_t data_left_ = 0;
  std::size_t padding_left_ = 0;
  bool ended_ = false;
  // What extension headers said of the next entry.
  PaxRecords pax_;
  std::optional<std::string> gnu_name_, gnu_link_;
  bool has_pax_ = false;
};

/// "17 path=x\n..." -> key, value. Error(input) unless every record has its exact length and no key comes twice.
std::map<std::string, std::string, std::less<>> parse_pax_records(std::string_view text);
/// A tar header number: octal, or binary when its first bit is set. nullopt: neither.
std::optional<std::int64_t> find_tar_number(std::string_view field);
/// "-1.25" seconds to nanoseconds.
std::optional<FileTime> find_pax_time(std::string_view text);

}  // namespace imgb
