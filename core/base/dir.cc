#include "core/base/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "core/base/dir_place.h"
#include "core/base/error.h"

namespace imgb {
namespace {

FileType type_of(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFBLK:
      return FileType::block_device;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    default:
      return FileType::regular;
  }
}

std::uint32_t kernel_type(FileType type) {
  switch (type) {
    case FileType::directory:
      return S_IFDIR;
    case FileType::symlink:
      return S_IFLNK;
    case FileType::character_device:
      return S_IFCHR;
    case FileType::block_device:
      return S_IFBLK;
    case FileType::fifo:
      return S_IFIFO;
    case FileType::socket:
      return S_IFSOCK;
    case FileType::regular:
      break;
  }
  return S_IFREG;
}

FileStat from_kernel(const struct stat& s) {
  constexpr FileTime kSecond = 1'000'000'000;
  return {.type = type_of(s.st_mode),
          .mode = s.st_mode & 07777u,
          .uid = s.st_uid,
          .gid = s.st_gid,
          .size_bytes = static_cast<std::uint64_t>(s.st_size),
          .mtime = s.st_mtim.tv_sec * kSecond + s.st_mtim.tv_nsec,
          .ctime = s.st_ctim.tv_sec * kSecond + s.st_ctim.tv_nsec,
          .device = s.st_dev,
          .inode = s.st_ino,
          .link_count = s.st_nlink,
          .rdev = s.st_rdev};
}

bool is_absence(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace

FileStat stat_of(const Fd& fd, std::string_view what) {
  struct stat s {};
  if (::fstat(fd.get(), &s) < 0) throw_errno("stat {}", what);
  return from_kernel(s);
}

Dir::Dir(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

Dir Dir::open_host(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw_errno("open folder {}", path.string());
  return Dir(Fd(fd), path.string());
}

Dir Dir::make_host(const std::filesystem::path& path, std::uint32_t mode) {
  std::filesystem::path built;
  for (const auto& part : path) {
    built /= part;
    if (::mkdir(built.c_str(), mode) < 0 && errno != EEXIST && errno != EISDIR) {
      int saved = errno;
      if (std::filesystem::is_directory(built)) continue;  // a read-only parent says EROFS for what is there
      errno = saved;
      throw_errno("make folder {}", built.string());
    }
  }
  return open_host(path);
}

Dir Dir::duplicate() const { return Dir(fd_.duplicate(), name_); }

Dir Dir::open_dir(std::string_view path, Links links) const {
  path = without_slashes(path);
  int fd = open_below(fd_, path, O_RDONLY | O_DIRECTORY, 0, links);
  if (fd < 0) throw_errno("open folder {}/{}", name_, path);
  return Dir(Fd(fd), path.empty() ? name_ : fmt::format("{}/{}", name_, path));
}

std::optional<Dir> Dir::find_dir(std::string_view path, Links links) const {
  path = without_slashes(path);
  int fd = open_below(fd_, path, O_RDONLY | O_DIRECTORY, 0, links);
  if (fd < 0 && is_absence(errno)) return std::nullopt;
  if (fd < 0) throw_errno("open folder {}/{}", name_, path);
  return Dir(Fd(fd), path.empty() ? name_ : fmt::format("{}/{}", name_, path));
}

Fd Dir::open_file(std::string_view path, int flags, std::uint32_t mode, Links links) const {
  int fd = open_below(fd_, without_slashes(path), flags, mode, links);
  if (fd < 0) throw_errno("open {}/{}", name_, path);
  return Fd(fd);
}

std::optional<Fd> Dir::find_file(std::string_view path, int flags, Links links) const {
  int fd = open_below(fd_, without_slashes(path), flags, 0, links);
  if (fd < 0 && is_absence(errno)) return std::nullopt;
  if (fd < 0) throw_errno("open {}/{}", name_, path);
  return Fd(fd);
}

std::optional<std::string> Dir::find_content(std::string_view path, std::uint64_t max_bytes, Links links) const {
  // O_NONBLOCK: opening a fifo or a device that someone planted must not wait.
  auto fd = find_file(path, O_RDONLY | O_NONBLOCK, links);
  if (!fd) return std::nullopt;
  std::string what = fmt::format("{}/{}", name_, path);
  if (stat_of(*fd, what).type != FileType::regular) throw_error(ErrorKind::input, "{} is not a regular file", what);
  return read_all(*fd, max_bytes, what);
}

std::string Dir::read_file(std::string_view path, std::uint64_t max_bytes, Links links) const {
  if (auto content = find_content(path, max_bytes, links)) return *std::move(content);
  errno = ENOENT;
  throw_errno("open {}/{}", name_, path);
}

Fd Dir::open_unnamed(int flags, std::uint32_t mode) const {
  int fd = ::openat(fd_.get(), ".", flags | O_TMPFILE | O_CLOEXEC, mode);
  if (fd < 0) throw_errno("make an unnamed file in {}", name_);
  return Fd(fd);
}

std::optional<FileStat> Dir::find_stat(std::string_view path, Links links) const {
  path = without_slashes(path);
  struct stat s {};
  bool single = path.find('/') == std::string_view::npos && path != "..";
  if (single && links != Links::in_root) {
    // One component that is not followed cannot leave the folder: one call instead of three.
    if (::fstatat(fd_.get(), std::string(path).c_str(), &s, AT_SYMLINK_NOFOLLOW | (path.empty() ? AT_EMPTY_PATH : 0)) ==
        0) {
      return from_kernel(s);
    }
    if (is_absence(errno)) return std::nullopt;
    throw_errno("stat {}/{}", name_, path);
  }
  Links resolve = links == Links::refuse ? Links::refuse : links;
  int fd = open_below(fd_, path, O_PATH | (links == Links::in_root ? 0 : O_NOFOLLOW), 0, resolve);
  if (fd < 0 && is_absence(errno)) return std::nullopt;
  if (fd < 0) throw_errno("stat {}/{}", name_, path);
  return stat_of(Fd(fd), path);
}

FileStat Dir::stat(std::string_view path, Links links) const {
  if (auto found = find_stat(path, links)) return *found;
  errno = ENOENT;
  throw_errno("stat {}/{}", name_, path);
}

std::string Dir::read_link(std::string_view path, Links links) const {
  Place place(*this, path, links);
  std::string target(256, '\0');
  for (;;) {
    ssize_t size = ::readlinkat(place.at(), place.leaf(), target.data(), target.size());
    if (size < 0) throw_errno("read link {}/{}", name_, path);
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

std::vector<Dir::Entry> Dir::list() const {
  // An own open file description: the read position of fd_ is shared with its duplicates.
  int own = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) throw_errno("open folder {}", name_);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own), ::closedir);
  if (!stream) throw_errno("list folder {}", name_);
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const dirent* item = ::readdir(stream.get());
    if (!item) {
      if (errno) throw_errno("list folder {}", name_);
      break;
    }
    std::string name = item->d_name;
    if (name == "." || name == "..") continue;
    FileType type = item->d_type == DT_UNKNOWN ? stat(name).type : type_of(DTTOIF(item->d_type));
    entries.push_back({std::move(name), type});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::uint64_t Dir::free_bytes() const {
  struct statvfs s {};
  if (::fstatvfs(fd_.get(), &s) < 0) throw_errno("free space of {}", name_);
  return std::uint64_t{s.f_bavail} * s.f_frsize;
}

void Dir::make_dir(std::string_view path, std::uint32_t mode, Links links) const {
  Place place(*this, path, links);
  if (::mkdirat(place.at(), place.leaf(), mode) < 0) throw_errno("make folder {}/{}", name_, path);
}

Dir Dir::make_dirs(std::string_view path, std::uint32_t mode, Links links,
                   const std::function<void(const Dir&)>& made) const {
  path = without_slashes(path);
  if (path.empty()) return duplicate();
  if (auto there = find_dir(path, links)) return *std::move(there);
  std::size_t slash = path.rfind('/');
  std::string_view above = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  std::string leaf(path.substr(slash == std::string_view::npos ? 0 : slash + 1));
  Dir parent = make_dirs(above, mode, links, made);
  if (::mkdirat(parent.fd_.get(), leaf.c_str(), mode) < 0) {
    if (errno != EEXIST) throw_errno("make folder {}/{}", name_, path);
    return open_dir(path, links);  // made by another meanwhile, or a link that `links` may follow
  }
  Dir child = parent.open_dir(leaf);
  if (made) made(child);
  return child;
}

void Dir::make_symlink(std::string_view target, std::string_view path, Links links) const {
  Place place(*this, path, links);
  if (::symlinkat(std::string(target).c_str(), place.at(), place.leaf()) < 0)
    throw_errno("make symlink {}/{}", name_, path);
}

void Dir::make_node(std::string_view path, FileType type, std::uint32_t mode, std::uint64_t rdev, Links links) const {
  Place place(*this, path, links);
  if (::mknodat(place.at(), place.leaf(), kernel_type(type) | mode, rdev) < 0)
    throw_errno("make node {}/{}", name_, path);
}

void Dir::make_hard_link(std::string_view existing, std::string_view path, Links links) const {
  Place from(*this, existing, links), to(*this, path, links);
  if (::linkat(from.at(), from.leaf(), to.at(), to.leaf(), 0) < 0)
    throw_errno("link {}/{} to {}", name_, path, existing);
}

void Dir::link_unnamed(const Fd& file, std::string_view path) const {
  Place place(*this, path, Links::refuse);
  // AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH; the way over /proc is for everybody.
  std::string self = fmt::format("/proc/self/fd/{}", file.get());
  if (::linkat(AT_FDCWD, self.c_str(), place.at(), place.leaf(), AT_SYMLINK_FOLLOW) < 0)
    throw_errno("link {}/{}", name_, path);
}

void Dir::replace_file(std::string_view path, std::string_view content, std::uint32_t mode) const {
  Place place(*this, path, Links::refuse);
  std::string temporary = fmt::format("{}.new-{}-{}", place.leaf(), ::getpid(), static_cast<const void*>(&place));
  int fd = ::openat(place.at(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) throw_errno("make {}/{}", name_, temporary);
  try {
    Fd file(fd);
    write_all(file, content, temporary);
    imgb::sync(file, temporary);
    if (::renameat(place.at(), temporary.c_str(), place.at(), place.leaf()) < 0)
      throw_errno("rename to {}/{}", name_, path);
  } catch (...) {
    ::unlinkat(place.at(), temporary.c_str(), 0);
    throw;
  }
  int folder = ::openat(place.at(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) throw_errno("open folder of {}/{}", name_, path);
  imgb::sync(Fd(folder), name_);
}

void Dir::rename(std::string_view from, const Dir& to_dir, std::string_view to, Rename how) const {
  Place source(*this, from, Links::refuse), target(to_dir, to, Links::refuse);
  unsigned flags = how == Rename::exchange ? RENAME_EXCHANGE : how == Rename::no_replace ? RENAME_NOREPLACE : 0;
  if (::renameat2(source.at(), source.leaf(), target.at(), target.leaf(), flags) < 0)
    throw_errno("rename {}/{} to {}/{}", name_, from, to_dir.name_, to);
}

bool Dir::remove(std::string_view path, Links links) const {
  Place place(*this, path, links);
  if (::unlinkat(place.at(), place.leaf(), 0) == 0) return true;
  if (errno == EISDIR || errno == EPERM) {
    if (::unlinkat(place.at(), place.leaf(), AT_REMOVEDIR) == 0) return true;
  }
  if (errno == ENOENT) return false;
  throw_errno("remove {}/{}", name_, path);
}

void Dir::set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid, Links links) const {
  Place place(*this, path, links);
  if (::fchownat(place.at(), place.leaf(), uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
    throw_errno("set owner of {}/{}", name_, path);
}

void Dir::set_mode(std::string_view path, std::uint32_t mode, Links links) const {
  Place place(*this, path, links);
  // fchmodat cannot refuse links on older kernels: open first, then change what is open.
  int fd = ::openat(place.at(), place.leaf(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) throw_errno("set mode of {}/{}", name_, path);
  Fd file(fd);
  if (stat_of(file, path).type == FileType::symlink) {
    errno = ELOOP;
    throw_errno("set mode of {}/{}", name_, path);
  }
  if (::chmod(fmt::format("/proc/self/fd/{}", fd).c_str(), mode) < 0) throw_errno("set mode of {}/{}", name_, path);
}

void Dir::set_mtime(std::string_view path, FileTime mtime, Links links) const {
  Place place(*this, path, links);
  constexpr FileTime kSecond = 1'000'000'000;
  FileTime seconds = mtime / kSecond, rest = mtime % kSecond;
  if (rest < 0) rest += kSecond, --seconds;
  timespec times[2] = {{0, UTIME_OMIT}, {seconds, rest}};
  if (::utimensat(place.at(), place.leaf(), times, AT_SYMLINK_NOFOLLOW) < 0)
    throw_errno("set time of {}/{}", name_, path);
}

void Dir::sync() const { imgb::sync(fd_, name_); }

}  // namespace imgb
