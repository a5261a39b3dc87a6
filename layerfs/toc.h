#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/base/dir.h"
#include "core/base/rooted_path.h"
#include "core/base/stream.h"
#include "core/oci/layer.h"

namespace imgb {

/// Of a path in a layer, "/usr/bin": what system calls take (PATH_MAX without its NUL), so no other tool makes more.
inline constexpr std::size_t kMaxPathBytes = 4095;

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
  friend bool operator==(const TocEntry&, const TocEntry&) = default;
};

/// Table of contents of a layer: entries sorted by path bytes, then kind, one per (path, kind). Kept in ROOT/tocs, by
/// DiffId; derived from the blob, disposable.
///
/// It stays in the binary form of docs/formats.md and gives entries one at a time: a layer of 100,000 files loads in a
/// millisecond or two and takes some 150 bytes an entry. Immutable, cheap to copy. Threads may share it.
class Toc {
 public:
  Toc();
  /// Sorts. Error(internal) when two entries have one path and kind.
  explicit Toc(const std::vector<TocEntry>& entries);

  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  TocEntry operator[](std::size_t index) const;  ///< Error(corrupt) when the record is malformed.
  /// Without its first `skipped` bytes, if that is asked for. Error(corrupt) when it has not so many.
  std::string_view path(std::size_t index, std::size_t skipped = 0) const;
  TocEntry::Kind kind(std::size_t index) const;
  bool is_folder(std::size_t index) const;  ///< Kind file, type directory.
  /// How many entries are of this kind: what need not be looked for when it is 0.
  std::size_t count_of(TocEntry::Kind kind) const;
  /// First index in [from, to) whose path, without its first `skipped` bytes, is not less than `path`. REQUIRES: those
  /// bytes are the same in all of them.
  std::size_t lower_bound(std::string_view path, std::size_t from, std::size_t to, std::size_t skipped = 0) const;
  std::optional<std::size_t> find(std::string_view path, TocEntry::Kind kind) const;

  class Iterator {
   public:
    Iterator(const Toc* toc, std::size_t index) : toc_(toc), index_(index) {}
    TocEntry operator*() const { return (*toc_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Toc* toc_;
    std::size_t index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, count_}; }

 private:
  friend class TocBuilder;
  friend void write_toc(const Toc& toc, Sink& into);
  friend Toc read_toc(Source& from, std::uint64_t size_bytes);
  struct Table;  // layerfs/toc_record.h
  explicit Toc(Table&& table);
  std::shared_ptr<const Table> table_;
  std::size_t count_ = 0;
};
void write_toc(const Toc& toc, Sink& into);
/// Reads what is `size_bytes` long in all. Checks length and checksum, so that a torn file is found out; records are
/// checked when they are read. Error(corrupt).
Toc read_toc(Source& from, std::uint64_t size_bytes);
/// By its header alone: the bytes may be torn.
bool has_length_of_toc(Source& from, std::uint64_t size_bytes);
/// Checks every record and their order: for bytes that came from a confined child. Error(corrupt).
void check(const Toc& toc);

}  // namespace imgb
