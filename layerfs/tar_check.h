#pragma once
#include <array>
#include <cstdint>
#include <deque>
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

/// Looks at the headers of a tar while its bytes go by (v7, ustar, GNU long names, PAX), before libarchive sees them,
/// and refuses what libarchive or another reader would take in a way of its own (V13 to V18). The rules:
///   - every header has a right checksum and a type we know; GNU sparse files, multi-volume parts and volume labels are
///     refused; only files have data
///   - PAX overrides ustar; a key twice in one header, a size that contradicts a ustar size, a name given by PAX and by
///   GNU,
///     and global headers that set more than a comment are refused; an empty value leaves what ustar says
///   - one header's PAX records or long name take at most 1 MiB
///   - the tar ends at two blocks of zeros, or where the bytes end between two members; what follows is not looked at
/// Errors: Error(input) names entry and reason; Error(corrupt) when the bytes end in the middle.
class TarCheck {
 public:
  void feed(std::span<const std::byte> bytes);
  void finish();                 ///< The bytes end here.
  std::deque<TarEntry> entries;  ///< Those whose headers have gone by; the user takes them out.

 private:
  struct Header;
  enum class State { header, extension, data, ended };
  using PaxRecords = std::map<std::string, std::string, std::less<>>;
  std::span<const std::byte> take(std::span<const std::byte>& bytes, std::uint64_t max_bytes);
  void take_header(const Header& header);
  void begin_extension(const Header& header);
  void take_extension();
  TarEntry entry_of(const Header& header);
  void apply_pax(TarEntry& entry, const Header& header);

  State state_ = State::header;
  std::uint64_t position_ = 0;
  std::array<char, kTarBlockBytes> block_{};
  std::size_t filled_ = 0;
  std::uint64_t left_ = 0;  // of data, or of an extension, with padding
  bool zeros_before_ = false;
  // The extension header that is being read, and what those before the next entry said.
  char extension_type_ = 0;
  std::string extension_name_, extension_;
  std::uint64_t extension_bytes_ = 0;
  std::optional<PaxRecords> pax_;
  std::optional<std::string> gnu_name_, gnu_link_;
};

/// "17 path=x\n..." -> key, value. Error(input) unless every record has its exact length and no key comes twice.
std::map<std::string, std::string, std::less<>> parse_pax_records(std::string_view text);
/// A tar header number: octal, or binary when its first bit is set. nullopt: neither.
std::optional<std::int64_t> find_tar_number(std::string_view field);
/// "-1.25" seconds to nanoseconds.
std::optional<FileTime> find_pax_time(std::string_view text);

}  // namespace imgb
