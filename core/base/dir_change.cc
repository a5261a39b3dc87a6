#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/dir.h"
#include "core/base/dir_resolve.h"
#include "core/base/error.h"
#include "core/base/text.h"

// Dir's operations that create, rename and change. Each opens the parent folder by its path and acts on one name in it.
namespace imgb {

using namespace dir_detail;

namespace {

mode_t type_bits(FileType type) {
  switch (type) {
    case FileType::regular:
      return S_IFREG;
    case FileType::character_device:
      return S_IFCHR;
    case FileType::block_device:
      return S_IFBLK;
    case FileType::fifo:
      return S_IFIFO;
    case FileType::socket:
      return S_IFSOCK;
    case FileType::directory:
    case FileType::symlink:
      break;
  }
  throw_error(ErrorKind::internal, "make_node makes no folders and links");
}

std::string fd_link(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

/// linkat of an unnamed file; 0 or an errno.
int try_link_unnamed(const Fd& file, int folder, const std::string& leaf) {
  if (::linkat(file.get(), "", folder, leaf.c_str(), AT_EMPTY_PATH) == 0) return 0;
  // ENOENT: this way needs a capability on kernels before 6.10.
  if (errno != ENOENT) return errno;
  if (::linkat(AT_FDCWD, fd_link(file.get()).c_str(), folder, leaf.c_str(), AT_SYMLINK_FOLLOW) == 0) return 0;
  return errno;
}

/// The file's name until it is renamed. One that a killed writer left is in the way of nobody: the next writer removes
/// it.
std::string temporary_name(const std::string& leaf) { return "." + leaf + ".new"; }

/// False: another writer took our temporary name for a killed one's; a file that lost its name gets none again.
bool publish_unnamed(const Fd& file, const Place& place, const std::string& what) {
  std::string temporary = temporary_name(place.leaf);
  for (int error = 0; (error = try_link_unnamed(file, place.folder, temporary)) != 0;) {
    if (error != EEXIST) throw SystemError(error, "link " + what);
    if (::unlinkat(place.folder, temporary.c_str(), 0) != 0 && errno != ENOENT) throw_errno("remove {}", temporary);
  }
  if (::renameat(place.folder, temporary.c_str(), place.folder, place.leaf.c_str()) == 0) return true;
  if (errno != ENOENT) throw_errno("rename to {}", what);
  return false;
}

void sync_folder(const Place& place, const std::string& what) {
  Fd folder(::openat(place.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw_errno("open folder of {}", what);
  imgb::sync(folder, what);
}

using Fill = std::function<void(const Fd&)>;

void fill(const Fd& file, const Fill& write, std::uint32_t mode, Dir::Sync sync, const std::string& what) {
  write(file);
  if (::fchmod(file.get(), mode) != 0) throw_errno("set mode of {}", what);
  if (sync == Dir::Sync::now) sync_data(file, what);
}

/// False: the file system has no unnamed files.
bool try_replace_by_unnamed(const Place& place, const Fill& write, std::uint32_t mode, Dir::Sync sync,
                            const std::string& what) {
  for (;;) {
    Fd file(open_unnamed(place.folder, O_WRONLY, 0600));
    if (!file && has_no_unnamed(errno)) return false;
    if (!file) throw_errno("make {}", what);
    fill(file, write, mode, sync, what);
    if (publish_unnamed(file, place, what)) return true;
  }
}

/// For file systems without O_TMPFILE.
void publish_named(const Place& place, const Fill& write, std::uint32_t mode, Dir::Sync sync, const std::string& what) {
  std::string temporary = random_name(place.leaf);
  Fd file(::openat(place.folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) throw_errno("make {}", what);
  try {
    fill(file, write, mode, sync, what);
    if (::renameat(place.folder, temporary.c_str(), place.folder, place.leaf.c_str()) != 0)
      throw_errno("rename to {}", what);
  } catch (...) {
    ::unlinkat(place.folder, temporary.c_str(), 0);
    throw;
  }
}

}  // namespace

void Dir::make_dir(std::string_view path, std::uint32_t mode, Links links) const {
  Place place = place_of(*this, path, links);
  if (::mkdirat(place.folder, place.leaf.c_str(), mode) != 0) throw_errno("make folder {}", shown(*this, path));
}

Dir Dir::make_dirs(std::string_view path, std::uint32_t mode, Links links,
                   const std::function<void(const Dir&)>& made) const {
  Links through = links == Links::refuse ? Links::refuse : Links::in_root;
  if (auto there = find_dir(path, through)) return std::move(*there);
  // Links are resolved first, so that one that dangles leads to a new folder inside instead of EEXIST.
  std::string canonical(path);
  if (links != Links::refuse) canonical = resolve_in_root(fd_.get(), path, links == Links::in_root);
  Dir at = duplicate();
  for (std::string_view part : split(canonical, '/')) {
    if (part.empty() || part == ".") continue;
    auto next = at.find_dir(part);
    if (!next) {
      bool ours = ::mkdirat(at.fd_.get(), std::string(part).c_str(), mode) == 0;
      if (!ours && errno != EEXIST) throw_errno("make folder {}", shown(at, part));
      next = at.open_dir(part);
      if (ours && made) made(*next);
    }
    at = std::move(*next);
  }
  return at;
}

void Dir::make_symlink(std::string_view target, std::string_view path, Links links) const {
  if (target.find('\0') != std::string_view::npos) throw SystemError(EINVAL, "make link " + shown(*this, path));
  Place place = place_of(*this, path, links);
  if (::symlinkat(std::string(target).c_str(), place.folder, place.leaf.c_str()) != 0)
    throw_errno("make link {}", shown(*this, path));
}

void Dir::make_node(std::string_view path, FileType type, std::uint32_t mode, std::uint64_t rdev, Links links) const {
  mode_t bits = type_bits(type);
  Place place = place_of(*this, path, links);
  if (::mknodat(place.folder, place.leaf.c_str(), bits | (mode & 07777), rdev) != 0)
    throw_errno("make node {}", shown(*this, path));
}

void Dir::make_hard_link(std::string_view existing, std::string_view path, Links links) const {
  Place from = place_of(*this, existing, links), to = place_of(*this, path, links);
  if (::linkat(from.folder, from.leaf.c_str(), to.folder, to.leaf.c_str(), 0) != 0)
    throw_errno("link {} as {}", shown(*this, existing), shown(*this, path));
}

void Dir::link_unnamed(const Fd& file, std::string_view path) const {
  Place place = place_of(*this, path, Links::refuse);
  if (int error = try_link_unnamed(file, place.folder, place.leaf))
    throw SystemError(error, "link " + shown(*this, path));
}

void Dir::replace_file(std::string_view path, std::string_view content, std::uint32_t mode, Sync sync) const {
  replace_file(path, mode, sync, [&](const Fd& file) { write_all(file, content, shown(*this, path)); });
}

void Dir::replace_file(std::string_view path, std::uint32_t mode, Sync sync,
                       const std::function<void(const Fd&)>& fill) const {
  Place place = place_of(*this, path, Links::refuse);
  std::string what = shown(*this, path);
  if (!try_replace_by_unnamed(place, fill, mode, sync, what)) publish_named(place, fill, mode, sync, what);
  if (sync == Sync::now) sync_folder(place, what);
}

void Dir::replace_by_unnamed(const Fd& file, std::string_view path) const {
  Place place = place_of(*this, path, Links::refuse);
  std::string what = shown(*this, path);
  sync_data(file, what);
  if (!publish_unnamed(file, place, what))
    throw_error(ErrorKind::unavailable, "{} was written by another process too", what);
  sync_folder(place, what);
}

void Dir::rename(std::string_view from, const Dir& to_dir, std::string_view to, Rename how) const {
  Place source = place_of(*this, from, Links::refuse), target = place_of(to_dir, to, Links::refuse);
  unsigned flags = how == Rename::no_replace ? RENAME_NOREPLACE : how == Rename::exchange ? RENAME_EXCHANGE : 0;
  if (::renameat2(source.folder, source.leaf.c_str(), target.folder, target.leaf.c_str(), flags) != 0)
    throw_errno("rename {} to {}", shown(*this, from), shown(to_dir, to));
}

bool Dir::remove(std::string_view path, Links links) const {
  auto place = find_place(*this, path, links);
  if (!place) return false;
  if (::unlinkat(place->folder, place->leaf.c_str(), 0) == 0) return true;
  if (errno == EISDIR && ::unlinkat(place->folder, place->leaf.c_str(), AT_REMOVEDIR) == 0) return true;
  if (errno == ENOENT) return false;
  throw_errno("remove {}", shown(*this, path));
}

void Dir::set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid, Links links) const {
  Place place = place_of(*this, path, links);
  if (::fchownat(place.folder, place.leaf.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw_errno("set owner of {}", shown(*this, path));
}

void Dir::set_mode(std::string_view path, std::uint32_t mode, Links links) const {
  Place place = place_of(*this, path, links);
  constexpr long kFchmodat2 = 452;  // Linux 6.6; unknown to older C libraries
  if (::syscall(kFchmodat2, place.folder, place.leaf.c_str(), mode & 07777, AT_SYMLINK_NOFOLLOW) == 0) return;
  if (errno != ENOSYS && errno != EPERM) throw_errno("set mode of {}", shown(*this, path));
  // By the file's own descriptor, so that a link that takes its place in between is not followed. chmod of a symlink's
  // descriptor fails with EOPNOTSUPP.
  Fd file(::openat(place.folder, place.leaf.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file || ::chmod(fd_link(file.get()).c_str(), mode & 07777) != 0)
    throw_errno("set mode of {}", shown(*this, path));
}

void Dir::set_mtime(std::string_view path, FileTime mtime, Links links) const {
  Place place = place_of(*this, path, links);
  constexpr FileTime kSecond = 1'000'000'000;
  FileTime nanoseconds = ((mtime % kSecond) + kSecond) % kSecond;
  timespec times[2] = {{0, UTIME_OMIT}, {(mtime - nanoseconds) / kSecond, nanoseconds}};
  if (::utimensat(place.folder, place.leaf.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw_errno("set time of {}", shown(*this, path));
}

void Dir::set_xattr(std::string_view path, const std::string& key, std::string_view value, Links links) const {
  // The kernel enters the parent folder through our own descriptor, then lsetxattr takes one name in it and follows
  // no link: nothing is left to race for.
  Place place = place_of(*this, path, links);
  std::string name = fd_link(place.folder) + "/" + place.leaf;
  if (::lsetxattr(name.c_str(), key.c_str(), value.data(), value.size(), 0) != 0)
    throw_errno("set extended attribute {} of {}", printable(key), shown(*this, path));
}

}  // namespace imgb
