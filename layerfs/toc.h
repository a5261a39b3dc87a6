#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/base/dir.h"
#include "core/base/rooted_path.h"
#include "core/oci/descriptor.h"

namespace imgb {

/// What a tree knows of one file but its bytes. Owners are the container's (canonical) ids.
struct FileMeta {
  FileType type = FileType::regular;
  std::uint32_t mode = 0755;  ///< 07777
  std::uint32_t uid = 0, gid = 0;
  FileTime mtime = 0;
  std::uint64_t size_bytes = 0;  ///< Regular files.
  std::string link_target;       ///< Symlinks.
  std::uint64_t rdev = 0;        ///< Devices.
  Xattrs xattrs;                 ///< Only those that layers carry: security.capability, user.*, POSIX ACLs.
  friend bool operator==(const FileMeta&, const FileMeta&) = default;
};

/// One path of one layer.
struct TocEntry {
  enum class Kind : std::uint8_t {
    file,       ///< Anything with metadata: regular, folder, symlink, device, fifo.
    hard_link,  ///< Another name for `link_to`, which comes earlier in this layer or, rarely, in a lower one.
    removed,    ///< Whiteout: the path of the layers below is gone.
    opaque,     ///< The folder's content in the layers below is hidden. Its own metadata is a `file` entry.
  };
  RootedPath path;
  Kind kind = Kind::file;
  FileMeta meta;                  ///< kind file
  RootedPath link_to;             ///< kind hard_link
  std::uint64_t data_offset = 0;  ///< Of the bytes within the uncompressed tar; regular files.
  std::optional<Digest> content;  ///< SHA-256 of the bytes; every regular file has it.
};

/// Table of contents of a layer: entries sorted by path bytes, one per (path, kind). Kept in ROOT/tocs, by DiffId;
/// derived from the blob, disposable. The format is described in docs/formats.md.
struct Toc {
  std::vector<TocEntry> entries;
};
std::string render(const Toc& toc);
Toc parse_toc(std::string_view bytes);  ///< Error(corrupt).

/// A layer as the builder and the store speak of it.
struct Layer {
  Descriptor blob;
  DiffId diff_id;
  friend bool operator==(const Layer&, const Layer&) = default;
};

}  // namespace imgb
