#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "layerfs/toc.h"

namespace imgb {

/// The tar format as bytes: what reader and writer share. Spec: POSIX.1-2017 pax, "ustar Interchange Format".
inline constexpr std::size_t kTarBlockBytes = 512;
inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
inline constexpr std::string_view kOpaqueName = ".wh..wh..opq";

struct TarField {
  std::size_t offset, length;
};
namespace tar_field {
inline constexpr TarField kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kMtime{136, 12},
    kChecksum{148, 8}, kType{156, 1}, kLinkName{157, 100}, kMagic{257, 6}, kVersion{263, 2}, kDevMajor{329, 8},
    kDevMinor{337, 8}, kPrefix{345, 155};
}  // namespace tar_field

/// One member as its headers say it. `name` is what the tar holds: no leading "/", folders end in "/".
struct TarMember {
  std::string name;
  char type = '0';
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_seconds = 0;
  std::string link_name;
  std::uint64_t rdev = 0;
  const Xattrs* xattrs = nullptr;  ///< Borrowed; may be null.
};

/// Appends the canonical header blocks: ustar, before it a PAX header for what ustar cannot say (names that do not fit,
/// sizes from 8 GiB, ids above 2097151, times that are negative or past 2242, xattrs). Names are bytes, whatever their
/// encoding.
void append_tar_header(std::string& out, const TarMember& member);

/// Bytes of zeros that fill the last block of `size_bytes`.
inline std::size_t tar_padding(std::uint64_t size_bytes) {
  return static_cast<std::size_t>(-size_bytes % kTarBlockBytes);
}

/// What the layer's tar says for an entry. `link_meta` is the target's metadata for a hard link, since readers apply a
/// link's header to the file. Error(input): a file that no layer can hold (a socket, a name that begins with ".wh.").
TarMember tar_member_of(const TocEntry& entry, const FileMeta& link_meta);

}  // namespace imgb
