#include "layerfs/upper_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace imgb {
namespace {

constexpr std::uint64_t kCheckSpaceEveryBytes = 64 << 20;

void set_attribute(const Fd& file, const std::string& key, const std::string& value, std::string_view what) {
  if (::fsetxattr(file.get(), key.c_str(), value.data(), value.size(), 0) == 0) return;
  std::string shown = fmt::format("attribute {} of {}", printable(key), printable(what));
  // "No space left" is what ext4 says of the few thousand bytes that it has for all attributes of a file.
  if (errno == ENOSPC || errno == E2BIG)
    throw_error(ErrorKind::unsupported, "{} has {} bytes, more than the store's file system has room for", shown,
                value.size());
  if (errno == EOPNOTSUPP)
    throw_error(ErrorKind::unsupported, "{} cannot be kept: the store's file system has none", shown);
  throw_errno("set {}", shown);
}

void set_attributes(const Fd& file, const Xattrs& xattrs, std::string_view what) {
  for (const auto& [key, value] : xattrs) set_attribute(file, key, value, what);
}

void set_time(const Fd& file, FileTime mtime, std::string_view what) {
  FileTime seconds = mtime / kNanosecondsPerSecond, rest = mtime % kNanosecondsPerSecond;
  if (rest < 0) {
    rest += kNanosecondsPerSecond;
    --seconds;
  }
  timespec times[2] = {{0, UTIME_OMIT}, {seconds, rest}};
  if (::futimens(file.get(), times) < 0) throw_errno("set time of {}", printable(what));
}

/// An id that this user namespace does not map cannot be on disk; it stays in the table of contents.
bool is_unmapped_id(int error) { return error == EINVAL; }

void set_owner(const Fd& file, const FileMeta& meta, std::string_view what) {
  if (::fchown(file.get(), meta.uid, meta.gid) < 0 && !is_unmapped_id(errno))
    throw_errno("set owner of {}", printable(what));
}

void set_owner(const Dir& parent, std::string_view name, const FileMeta& meta) {
  try {
    parent.set_owner(name, meta.uid, meta.gid);
  } catch (const SystemError& e) {
    if (!is_unmapped_id(e.errno_value())) throw;
  }
}

void set_mode(const Fd& file, std::uint32_t mode, std::string_view what) {
  if (::fchmod(file.get(), mode) < 0) throw_errno("set mode of {}", printable(what));
}

}  // namespace

void apply_metadata(const Fd& file, const FileMeta& meta, std::string_view what) {
  set_owner(file, meta, what);
  set_attributes(file, meta.xattrs, what);
  set_mode(file, meta.mode, what);
  set_time(file, meta.mtime, what);
}

UpperWriter::UpperWriter(Dir root, std::uint64_t disk_reserve_bytes, bool nodes)
    : root_(std::move(root)),
      reserve_bytes_(disk_reserve_bytes),
      nodes_(nodes),
      fresh_(stat_of(root_.open_spool(O_WRONLY, 0777), "a new file")),
      unchecked_bytes_(kCheckSpaceEveryBytes) {}

const Dir& UpperWriter::parent_of(const RootedPath& path) {
  RootedPath wanted = path.parent();
  if (!parent_ || wanted != parent_path_) {
    parent_ = root_.make_dirs(wanted.relative(), 0755);
    parent_path_ = std::move(wanted);
  }
  return parent_;
}

void UpperWriter::make_folder(const RootedPath& path) {
  try {
    parent_of(path).make_dir(path.name(), 0755);
  } catch (const SystemError& e) {
    if (e.errno_value() != EEXIST) throw;
  }
}

void UpperWriter::begin_file(const RootedPath& path, const FileMeta& meta) {
  file_.emplace(parent_of(path).open_file(path.name(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, meta.mode & 0777),
                path.str());
  file_meta_ = meta;
}

void UpperWriter::write(std::span<const std::byte> bytes) {
  unchecked_bytes_ += bytes.size();
  if (unchecked_bytes_ >= kCheckSpaceEveryBytes) {
    unchecked_bytes_ = 0;
    if (std::uint64_t left = root_.free_bytes(); left < reserve_bytes_)
      throw_error(ErrorKind::unavailable, "no space: {} left free where layers are unpacked, {} must stay",
                  render_size(left), render_size(reserve_bytes_));
  }
  file_->write(bytes);
}

/// Files are many: what a new one has by itself is not set again.
void UpperWriter::end_file() {
  file_->finish();
  const Fd& file = file_->fd();
  const std::string& name = file_->what();
  bool owner_is_right = file_meta_.uid == fresh_.uid && file_meta_.gid == fresh_.gid;
  if (!owner_is_right) set_owner(file, file_meta_, name);
  set_attributes(file, file_meta_.xattrs, name);
  bool mode_is_right = (file_meta_.mode & fresh_.mode) == file_meta_.mode;
  if (!mode_is_right) set_mode(file, file_meta_.mode, name);
  set_time(file, file_meta_.mtime, name);
  file_.reset();
}

void UpperWriter::make_hard_link(const RootedPath& path, const RootedPath& existing) {
  parent_of(path);  // makes it
  root_.make_hard_link(existing.relative(), path.relative());
}

void UpperWriter::make_special(const RootedPath& path, const FileMeta& meta) {
  const Dir& parent = parent_of(path);
  bool is_device = meta.type == FileType::character_device || meta.type == FileType::block_device;
  if (is_device && !nodes_) return;
  if (meta.type == FileType::symlink) {
    parent.make_symlink(meta.link_target, path.name());
  } else {
    try {
      parent.make_node(path.name(), meta.type, 0600, meta.rdev);
    } catch (const SystemError& e) {
      if (e.errno_value() == EPERM && meta.type != FileType::fifo) return;
      throw;
    }
  }
  set_owner(parent, path.name(), meta);
  if (meta.type != FileType::symlink) parent.set_mode(path.name(), meta.mode);
  parent.set_mtime(path.name(), meta.mtime);
}

void UpperWriter::remove(const RootedPath& path) {
  parent_ = Dir();
  root_.remove_tree(path.relative());
}

void UpperWriter::make_whiteout(const RootedPath& path) {
  parent_of(path).make_node(path.name(), FileType::character_device, 0, 0);
}

void UpperWriter::finish_folder(const TocEntry& folder, bool opaque) {
  Dir dir = root_.make_dirs(folder.path.relative(), 0755);  // an opaque folder may be named by nothing else
  if (opaque && nodes_ && ::fsetxattr(dir.fd().get(), kOpaqueXattr, "y", 1, 0) < 0)
    throw_errno("set attribute {}", kOpaqueXattr);
  if (folder.kind == TocEntry::Kind::file) apply_metadata(dir.fd(), folder.meta, folder.path.str());
}

void UpperWriter::finish(const Toc& toc) {
  if (nodes_ && toc.count_of(TocEntry::Kind::removed) > 0) {
    for (std::size_t i = 0; i < toc.size(); ++i) {
      if (toc.kind(i) == TocEntry::Kind::removed) make_whiteout(RootedPath::parse_strict(toc.path(i)));
    }
  }
  parent_ = Dir();
  // Children before parents: a folder may close itself to its owner.
  for (std::size_t i = toc.size(); i-- > 0;) {
    bool opaque = toc.kind(i) == TocEntry::Kind::opaque;
    if (!opaque && !toc.is_folder(i)) continue;
    TocEntry folder = toc[i];
    finish_folder(folder, opaque);
  }
}

}  // namespace imgb
