#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/dir.h"
#include "core/base/sparse_file.h"
#include "layerfs/toc.h"

namespace imgb {

/// Writes the entries of one layer below a folder in the form of an overlayfs upper folder: whiteouts are character
/// devices 0:0, opaque folders carry user.overlay.opaque (mounts with userxattr). Paths are true ones: no component is
/// a symlink, and Dir refuses any. Missing parents are made, to be sealed later (layerfs/seal.h).
///
/// Files and links are made when they are given; folders get their metadata, and whiteouts are made, in `finish`, when
/// nothing below them changes any more. Nothing is synced. Metadata goes through open files, owner before mode, since
/// changing the owner clears setuid.
///
/// Device nodes that this user may not make (EPERM in a user namespace) are left out: a sandbox cannot open them
/// anyway.
class UpperWriter {
 public:
  /// Error(unavailable) when less than `disk_reserve_bytes` stay free. Without `nodes` it is a tree and no upper
  /// folder: no device is made, neither whiteouts, which not every file system takes, nor those of the layer, which a
  /// step without mounts of its own could open, and no folder is marked as opaque.
  UpperWriter(Dir root, std::uint64_t disk_reserve_bytes, bool nodes = true);

  void make_folder(const RootedPath& path);  ///< One that is there is left as it is.
  void begin_file(const RootedPath& path, const FileMeta& meta);
  void write(std::span<const std::byte> bytes);
  void end_file();
  void make_hard_link(const RootedPath& path, const RootedPath& existing);
  void make_special(const RootedPath& path, const FileMeta& meta);  ///< Symlinks, devices, fifos.
  void remove(const RootedPath& path);                              ///< With all below it.
  void finish(const Toc& toc);
  const Dir& root() const { return root_; }

 private:
  const Dir& parent_of(const RootedPath& path);
  void make_whiteout(const RootedPath& path);
  void finish_folder(const TocEntry& folder, bool opaque);

  Dir root_;
  const std::uint64_t reserve_bytes_;
  const bool nodes_;
  const FileStat fresh_;  // owner and mode that files are born with: process and umask decide
  std::uint64_t unchecked_bytes_;
  Dir parent_;  // of the entry before: most entries share it
  RootedPath parent_path_;
  std::optional<SparseFile> file_;
  FileMeta file_meta_;
};

inline constexpr const char* kOpaqueXattr = "user.overlay.opaque";

/// Gives an open file or folder its owner, attributes, mode and time, in the order they need.
void apply_metadata(const Fd& file, const FileMeta& meta, std::string_view what);

}  // namespace imgb
