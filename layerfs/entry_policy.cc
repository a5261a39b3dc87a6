#include "layerfs/entry_policy.h"

#include <array>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxNameBytes = 64 * 1024, kMaxComponentBytes = 255;
constexpr std::string_view kAufsPrefix = ".wh..wh.";

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw_error(ErrorKind::input, "entry {}: {}", printable(name), why);
}

RootedPath checked_path(std::string_view name, std::string_view entry) {
  if (name.size() > kMaxNameBytes) refuse(entry, "a name of more than 64 KiB");
  for (std::string_view part : split(name, '/')) {
    if (part == "..") refuse(entry, "\"..\" in a name");
    if (part.size() > kMaxComponentBytes) refuse(entry, "a name of more than 255 bytes");
  }
  RootedPath path = RootedPath::clean(name);
  if (path.str().size() > kMaxPathBytes) refuse(entry, fmt::format("a path of more than {} bytes", kMaxPathBytes));
  return path;
}

FileType type_of(char type) {
  switch (type) {
    case '2':
      return FileType::symlink;
    case '3':
      return FileType::character_device;
    case '4':
      return FileType::block_device;
    case '5':
      return FileType::directory;
    case '6':
      return FileType::fifo;
    default:
      return FileType::regular;
  }
}

enum class Whiteout { none, removed, opaque, aufs };

/// What the components that begin with ".wh." make of an entry.
Whiteout whiteout_of(const RootedPath& path, std::string_view entry) {
  std::vector<std::string_view> parts = path.components();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].starts_with(kWhiteoutPrefix)) continue;
    bool last = i + 1 == parts.size();
    if (last && parts[i] == kOpaqueName) return Whiteout::opaque;
    if (parts[i].starts_with(kAufsPrefix)) return Whiteout::aufs;
    std::string_view hidden = parts[i].substr(kWhiteoutPrefix.size());
    if (hidden.empty() || hidden == "." || hidden == "..") refuse(entry, "a whiteout of nothing");
    if (!last) refuse(entry, "a folder named as a whiteout");
    return Whiteout::removed;
  }
  return Whiteout::none;
}

TocEntry whiteout_entry(const RootedPath& path, Whiteout what) {
  TocEntry entry;
  entry.kind = what == Whiteout::opaque ? TocEntry::Kind::opaque : TocEntry::Kind::removed;
  entry.path =
      what == Whiteout::opaque ? path.parent() : path.parent().child(path.name().substr(kWhiteoutPrefix.size()));
  return entry;
}

FileMeta meta_of(TarEntry&& from) {
  FileMeta meta{.type = type_of(from.type), .mode = from.mode, .uid = from.uid, .gid = from.gid, .mtime = from.mtime};
  if (meta.type == FileType::regular) meta.size_bytes = from.size_bytes;
  if (meta.type == FileType::symlink) meta.link_target = std::move(from.link_name);
  meta.rdev = from.rdev;
  for (auto& [key, value] : from.xattrs) {
    if (is_layer_xattr(key)) meta.xattrs.emplace(key, canonical_xattr(key, value));
  }
  return meta;
}

}  // namespace

bool is_layer_xattr(std::string_view name) {
  // A PAX key ends at its first "=".
  if (name.starts_with("user.overlay.") || name.find('=') != std::string_view::npos) return false;
  return name.starts_with("user.") || name == "security.capability" || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

std::string canonical_xattr(std::string_view name, std::string_view value) {
  // struct vfs_ns_cap_data: little-endian magic and flags, two pairs of sets, and in version 3 the root's user id.
  constexpr std::size_t kVersion2Bytes = 20, kVersion3Bytes = 24, kVersionByte = 3;
  std::string out(value);
  if (name != "security.capability" || out.size() != kVersion3Bytes || out[kVersionByte] != 3) return out;
  out.resize(kVersion2Bytes);
  out[kVersionByte] = 2;
  return out;
}

std::optional<TocEntry> admit(TarEntry&& from) {
  std::string name = from.name;
  if (name.empty()) refuse(name, "an empty name");
  RootedPath path = checked_path(name, name);
  Whiteout whiteout = whiteout_of(path, name);
  if (whiteout == Whiteout::aufs) return std::nullopt;
  if (whiteout != Whiteout::none) return whiteout_entry(path, whiteout);
  if (path.is_root() && from.type != '5') refuse(name, "the root is a folder and nothing else");
  if (from.type == '3' && from.rdev == 0) refuse(name, "character device 0:0, which means a removed file");

  TocEntry entry;
  entry.path = std::move(path);
  if (from.type == '1') {
    entry.kind = TocEntry::Kind::hard_link;
    entry.link_to = checked_path(from.link_name, name);
    if (entry.link_to.is_root()) refuse(name, "a hard link to the root");
    if (whiteout_of(entry.link_to, name) != Whiteout::none) refuse(name, "a hard link to a whiteout");
    return entry;
  }
  if (from.type == '2' && (from.link_name.empty() || from.link_name.size() >= 4096))
    refuse(name, "a symlink without a target, or with one longer than 4095 bytes");
  std::uint64_t data_offset = from.data_offset;
  entry.meta = meta_of(std::move(from));
  if (entry.meta.type == FileType::regular) entry.data_offset = data_offset;
  return entry;
}

}  // namespace imgb
