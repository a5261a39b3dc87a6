#include "layerfs/tar_format.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxOctal7 = 07777777;
constexpr std::uint64_t kMaxOctal11 = 077777777777;
constexpr std::string_view kPaxName = "././@PaxHeader";

/// A header block being filled. Numbers are octal digits and a NUL, as every reader takes them.
class HeaderBlock {
 public:
  void put(TarField field, std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), field.length), block_.begin() + static_cast<long>(field.offset));
  }
  void put_octal(TarField field, std::uint64_t value) {
    std::size_t digits = field.length - 1;
    for (std::size_t i = digits; i-- > 0; value >>= 3) block_[field.offset + i] = static_cast<char>('0' + (value & 7));
  }
  void append_to(std::string& out) {
    put(tar_field::kMagic, std::string_view("ustar\0", 6));
    put(tar_field::kVersion, "00");
    put(tar_field::kChecksum, "        ");
    std::uint64_t sum = 0;
    for (char c : block_) sum += static_cast<unsigned char>(c);
    put_octal({tar_field::kChecksum.offset, 7}, sum);
    block_[tar_field::kChecksum.offset + 6] = '\0';
    out.append(block_.data(), block_.size());
  }

 private:
  std::array<char, kTarBlockBytes> block_{};
};

/// "17 path=some/where\n": the length counts itself.
void append_pax_record(std::string& out, std::string_view key, std::string_view value) {
  std::size_t rest = key.size() + value.size() + 3;  // " ", "=", "\n"
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = rest + std::to_string(length).size();
  out.append(std::to_string(length)).append(" ").append(key).append("=").append(value).append("\n");
}

/// Where to cut a long name for the prefix field; nullopt: it does not fit in ustar.
std::optional<std::size_t> find_prefix_length(std::string_view name) {
  if (name.size() <= tar_field::kName.length) return 0;
  std::size_t last = std::min(tar_field::kPrefix.length, name.size() - 2);
  std::size_t cut = name.rfind('/', last);
  if (cut == std::string_view::npos || cut == 0 || name.size() - cut - 1 > tar_field::kName.length) return std::nullopt;
  return cut;
}

std::string pax_records(const TarMember& member, bool name_fits) {
  std::string out;
  if (member.gid > kMaxOctal7) append_pax_record(out, "gid", std::to_string(member.gid));
  if (member.link_name.size() > tar_field::kLinkName.length) append_pax_record(out, "linkpath", member.link_name);
  bool time_fits = member.mtime_seconds >= 0 && static_cast<std::uint64_t>(member.mtime_seconds) <= kMaxOctal11;
  if (!time_fits) append_pax_record(out, "mtime", std::to_string(member.mtime_seconds));
  if (!name_fits) append_pax_record(out, "path", member.name);
  if (member.xattrs) {
    for (const auto& [key, value] : *member.xattrs) append_pax_record(out, "SCHILY.xattr." + key, value);
  }
  if (member.size_bytes > kMaxOctal11) append_pax_record(out, "size", std::to_string(member.size_bytes));
  if (member.uid > kMaxOctal7) append_pax_record(out, "uid", std::to_string(member.uid));
  return out;
}

void append_pax_header(std::string& out, const std::string& records) {
  HeaderBlock block;
  block.put(tar_field::kName, kPaxName);
  block.put_octal(tar_field::kMode, 0);
  block.put_octal(tar_field::kUid, 0);
  block.put_octal(tar_field::kGid, 0);
  block.put_octal(tar_field::kSize, records.size());
  block.put_octal(tar_field::kMtime, 0);
  block.put(tar_field::kType, "x");
  block.append_to(out);
  out.append(records).append(tar_padding(records.size()), '\0');
}

std::uint64_t fitting(std::uint64_t value, std::uint64_t max) { return value > max ? 0 : value; }

char type_letter(FileType type, const RootedPath& path) {
  switch (type) {
    case FileType::regular:
      return '0';
    case FileType::symlink:
      return '2';
    case FileType::character_device:
      return '3';
    case FileType::block_device:
      return '4';
    case FileType::directory:
      return '5';
    case FileType::fifo:
      return '6';
    case FileType::socket:
      break;
  }
  throw_error(ErrorKind::input, "{} is a socket, which a layer cannot hold", printable(path.str()));
}

void take_meta(TarMember& member, const FileMeta& meta) {
  member.mode = meta.mode;
  member.uid = meta.uid;
  member.gid = meta.gid;
  // Rounds down, also before 1970.
  member.mtime_seconds = meta.mtime / kNanosecondsPerSecond - (meta.mtime % kNanosecondsPerSecond < 0 ? 1 : 0);
}

TarMember member_of_file(const TocEntry& entry) {
  const FileMeta& meta = entry.meta;
  TarMember member;
  member.type = type_letter(meta.type, entry.path);
  member.name = entry.path.is_root() ? "." : std::string(entry.path.relative());
  take_meta(member, meta);
  if (!meta.xattrs.empty()) member.xattrs = &meta.xattrs;
  if (meta.type == FileType::directory) member.name += '/';
  if (meta.type == FileType::regular) member.size_bytes = meta.size_bytes;
  if (meta.type == FileType::symlink) member.link_name = meta.link_target;
  if (meta.type == FileType::character_device || meta.type == FileType::block_device) member.rdev = meta.rdev;
  return member;
}

}  // namespace

void append_tar_header(std::string& out, const TarMember& member) {
  std::optional<std::size_t> prefix = find_prefix_length(member.name);
  if (std::string records = pax_records(member, prefix.has_value()); !records.empty()) append_pax_header(out, records);

  HeaderBlock block;
  std::string_view name = member.name;
  if (prefix && *prefix > 0) {
    block.put(tar_field::kPrefix, name.substr(0, *prefix));
    name.remove_prefix(*prefix + 1);
  }
  block.put(tar_field::kName, name);
  block.put_octal(tar_field::kMode, member.mode & 07777);
  block.put_octal(tar_field::kUid, fitting(member.uid, kMaxOctal7));
  block.put_octal(tar_field::kGid, fitting(member.gid, kMaxOctal7));
  block.put_octal(tar_field::kSize, fitting(member.size_bytes, kMaxOctal11));
  std::uint64_t mtime = member.mtime_seconds < 0 ? 0 : static_cast<std::uint64_t>(member.mtime_seconds);
  block.put_octal(tar_field::kMtime, fitting(mtime, kMaxOctal11));
  block.put(tar_field::kType, std::string_view(&member.type, 1));
  block.put(tar_field::kLinkName, member.link_name);
  block.put_octal(tar_field::kDevMajor, major(member.rdev));
  block.put_octal(tar_field::kDevMinor, minor(member.rdev));
  block.append_to(out);
}

TarMember tar_member_of(const TocEntry& entry, const FileMeta& link_meta) {
  std::string parent(entry.path.parent().relative());
  if (!parent.empty()) parent += '/';
  TarMember member;
  switch (entry.kind) {
    case TocEntry::Kind::file:
      member = member_of_file(entry);
      break;
    case TocEntry::Kind::hard_link:
      member.type = '1';
      member.name = entry.path.relative();
      member.link_name = entry.link_to.relative();
      take_meta(member, link_meta);
      break;
    case TocEntry::Kind::removed:
      member.name = parent + std::string(kWhiteoutPrefix) + std::string(entry.path.name());
      return member;
    case TocEntry::Kind::opaque:
      member.name = entry.path.is_root() ? std::string(kOpaqueName)
                                         : std::string(entry.path.relative()) + '/' + std::string(kOpaqueName);
      return member;
  }
  if (entry.path.name().starts_with(kWhiteoutPrefix))
    throw_error(ErrorKind::input, "{}: a layer cannot hold a name that begins with {}", printable(entry.path.str()),
                kWhiteoutPrefix);
  return member;
}

}  // namespace imgb
