#include "core/base/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <limits>
#include <memory>

#include "core/base/dir_resolve.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace imgb {

using namespace dir_detail;

namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY;
constexpr std::size_t kMaxXattrBytes = 64 * 1024;  // of a value, and of all keys: XATTR_SIZE_MAX, XATTR_LIST_MAX

/// A folder that may be entered but not listed still is a root for its paths.
int open_folder(int dir, std::string_view path, Links links) {
  int fd = open_below(dir, path, kOpenFolder, 0, links);
  return fd < 0 && errno == EACCES ? open_below(dir, path, O_PATH | O_DIRECTORY, 0, links) : fd;
}

FileStat to_file_stat(const struct ::stat& s, std::string_view what) {
  auto type = type_of_mode(s.st_mode);
  if (!type) throw_error(ErrorKind::unsupported, "{}: unknown file type {:o}", what, s.st_mode & S_IFMT);
  FileStat out;
  out.type = *type;
  out.mode = s.st_mode & 07777;
  out.uid = s.st_uid;
  out.gid = s.st_gid;
  out.size_bytes = static_cast<std::uint64_t>(s.st_size);
  out.mtime = nanoseconds_of(s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
  out.ctime = nanoseconds_of(s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
  out.device = s.st_dev;
  out.inode = s.st_ino;
  out.link_count = s.st_nlink;
  out.rdev = s.st_rdev;
  constexpr std::uint64_t kBlockBytes = 512;  // whatever the file system's own
  out.disk_bytes = static_cast<std::uint64_t>(s.st_blocks) * kBlockBytes;
  return out;
}

/// One component that is not "..": fstatat needs no descriptor of the file then.
bool is_single(std::string_view path) { return path.find('/') == std::string_view::npos && path != ".."; }

/// 0 or an errno.
int try_stat(int dir, std::string_view path, Links links, struct ::stat& out) {
  path = without_leading_slashes(path);
  if (path.find('\0') != std::string_view::npos) return EINVAL;
  if (is_single(path)) {
    std::string name(path.empty() ? "." : path);
    if (::fstatat(dir, name.c_str(), &out, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    if (!S_ISLNK(out.st_mode) || links == Links::in_root_nofollow_last) return 0;
    if (links == Links::refuse) return ELOOP;
  }
  Fd file(open_below(dir, path, O_PATH, 0, links));
  if (!file || ::fstat(file.get(), &out) != 0) return errno;
  return 0;
}

std::string read_regular(const Fd& file, std::uint64_t max_bytes, const std::string& what) {
  FileStat s = stat_of(file, what);
  if (s.type != FileType::regular) throw_error(ErrorKind::input, "{} is not a regular file", what);
  if (s.size_bytes > max_bytes) throw_error(ErrorKind::input, "{} is longer than {} bytes", what, max_bytes);
  return read_all(file, max_bytes, what);
}

FileType type_of_entry(int folder, const char* name, unsigned char d_type) {
  if (auto type = type_of_mode(static_cast<std::uint32_t>(DTTOIF(d_type)))) return *type;
  struct ::stat s;
  if (::fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("stat {}", printable(name));
  return to_file_stat(s, name).type;
}

/// Calls `get(buffer, size)` with a buffer that is large enough; nullopt when it fails, with errno.
template <class Get>
std::optional<std::string> find_xattr_bytes(Get get) {
  std::string bytes(256, '\0');
  for (;;) {
    ssize_t size = get(bytes.data(), bytes.size());
    if (size >= 0) return bytes.resize(static_cast<std::size_t>(size)), bytes;
    if (errno != ERANGE || bytes.size() >= kMaxXattrBytes) return std::nullopt;
    bytes.resize(kMaxXattrBytes);
  }
}

}  // namespace

Dir::Dir(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

Dir Dir::open_host(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), kOpenFolder | O_CLOEXEC));
  if (!fd && errno == EACCES) fd = Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno("open folder {}", printable(path.native()));
  return Dir(std::move(fd), path.native());
}

Dir Dir::make_host(const std::filesystem::path& path, std::uint32_t mode) {
  const std::string& text = path.native();
  for (std::size_t end = text.find('/', 1);; end = text.find('/', end + 1)) {
    std::string prefix = text.substr(0, end);
    int error = prefix.empty() || ::mkdir(prefix.c_str(), mode) == 0 ? 0 : errno;
    // Other failures show again, and more clearly, when the folder is opened.
    if (error == EACCES || error == EROFS || error == EPERM) {
      struct stat info {};
      if (::stat(prefix.c_str(), &info) != 0) throw SystemError(error, "create folder " + prefix);
    }
    if (end == std::string::npos) return open_host(path);
  }
}

Dir Dir::duplicate() const { return Dir(fd_.duplicate(), name_); }

Dir Dir::open_dir(std::string_view path, Links links) const {
  Fd fd(open_folder(fd_.get(), path, links));
  if (!fd) throw_errno("open folder {}", shown(*this, path));
  return Dir(std::move(fd), shown(*this, path));
}

std::optional<Dir> Dir::find_dir(std::string_view path, Links links) const {
  Fd fd(open_folder(fd_.get(), path, links));
  if (fd) return Dir(std::move(fd), shown(*this, path));
  if (is_absence(errno)) return std::nullopt;
  throw_errno("open folder {}", shown(*this, path));
}

Fd Dir::open_file(std::string_view path, int flags, std::uint32_t mode, Links links) const {
  Fd fd(open_below(fd_.get(), path, flags, mode, links));
  if (!fd) throw_errno("open {}", shown(*this, path));
  return fd;
}

std::optional<Fd> Dir::find_file(std::string_view path, int flags, Links links) const {
  Fd fd(open_below(fd_.get(), path, flags, 0, links));
  if (fd) return fd;
  if (is_absence(errno)) return std::nullopt;
  throw_errno("open {}", shown(*this, path));
}

std::string Dir::read_file(std::string_view path, std::uint64_t max_bytes, Links links) const {
  return read_regular(open_file(path, O_RDONLY | O_NONBLOCK, 0, links), max_bytes, shown(*this, path));
}

std::optional<std::string> Dir::find_content(std::string_view path, std::uint64_t max_bytes, Links links) const {
  auto file = find_file(path, O_RDONLY | O_NONBLOCK, links);
  if (!file) return std::nullopt;
  return read_regular(*file, max_bytes, shown(*this, path));
}

std::optional<Fd> Dir::find_unnamed(int flags, std::uint32_t mode) const {
  Fd fd(open_unnamed(fd_.get(), flags, mode));
  if (fd) return fd;
  if (has_no_unnamed(errno)) return std::nullopt;
  throw_errno("make an unnamed file in {}", name_);
}

Fd Dir::open_spool(int flags, std::uint32_t mode) const {
  if (auto unnamed = find_unnamed(flags | O_EXCL, mode)) return *std::move(unnamed);
  std::string name = random_name("spool");
  Fd fd = open_file(name, flags | O_CREAT | O_EXCL, mode);
  remove(name);
  return fd;
}

FileStat Dir::stat(std::string_view path, Links links) const {
  struct ::stat s;
  if (int error = try_stat(fd_.get(), path, links, s)) throw SystemError(error, "stat " + shown(*this, path));
  return to_file_stat(s, path);
}

std::optional<FileStat> Dir::find_stat(std::string_view path, Links links) const {
  struct ::stat s;
  int error = try_stat(fd_.get(), path, links, s);
  if (error == 0) return to_file_stat(s, path);
  if (is_absence(error)) return std::nullopt;
  throw SystemError(error, "stat " + shown(*this, path));
}

bool Dir::leads_to(std::string_view path, const Fd& file) const {
  auto there = find_stat(path);
  if (!there) return false;
  FileStat open = stat_of(file, path);
  return there->inode == open.inode && there->device == open.device;
}

std::string Dir::read_link(std::string_view path, Links links) const {
  Place place = place_of(*this, path, links);
  char target[PATH_MAX];
  ssize_t size = ::readlinkat(place.folder, place.leaf.c_str(), target, sizeof target);
  if (size < 0) throw_errno("read link {}", shown(*this, path));
  return std::string(target, static_cast<std::size_t>(size));
}

std::vector<Dir::Entry> Dir::list() const {
  // Opened again: the offset belongs to the open file, which others may be listing too.
  Fd fd(::openat(fd_.get(), ".", kOpenFolder | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd) throw_errno("list {}", name_);
  return Dir(std::move(fd), name_).list_once();
}

std::vector<Dir::Entry> Dir::list_once() {
  std::vector<Entry> entries;
  alignas(dirent64) char buffer[32768];
  for (;;) {
    long got = ::syscall(SYS_getdents64, fd_.get(), buffer, sizeof buffer);
    if (got == 0 || (got < 0 && errno == ENOENT)) break;
    if (got < 0) throw_errno("list {}", name_);
    for (long at = 0; at < got;) {
      auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      entries.push_back({std::string(name), type_of_entry(fd_.get(), entry->d_name, entry->d_type)});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

Xattrs Dir::xattrs(std::string_view path, Links links) const {
  // /proc/self/fd/N is a link of our own making to a file that openat2 found, so the kernel resolves no name of the
  // tree here. Through an O_PATH descriptor it reaches symlinks and special files too.
  std::string_view rest = without_leading_slashes(path);
  bool direct = is_single(rest) && links == Links::in_root_nofollow_last && rest.find('\0') == std::string_view::npos;
  Fd file(direct ? -1 : open_below(fd_.get(), path, O_PATH, 0, links));
  if (!direct && !file) throw_errno("open {}", shown(*this, path));
  std::string name = direct ? fmt::format("/proc/self/fd/{}/{}", fd_.get(), rest.empty() ? "." : rest)
                            : fmt::format("/proc/self/fd/{}", file.get());
  auto list = direct ? ::llistxattr : ::listxattr;
  auto get = direct ? ::lgetxattr : ::getxattr;
  auto keys = find_xattr_bytes([&](char* into, std::size_t size) { return list(name.c_str(), into, size); });
  if (!keys && errno == ENOTSUP) return {};
  if (!keys) throw_errno("list extended attributes of {}", shown(*this, path));
  Xattrs found;
  for (std::string_view key : split(*keys, '\0')) {
    if (key.empty()) continue;
    auto value =
        find_xattr_bytes([&](char* into, std::size_t size) { return get(name.c_str(), key.data(), into, size); });
    if (!value && errno == ENODATA) continue;  // removed meanwhile
    if (!value) throw_errno("read extended attribute {} of {}", printable(key), shown(*this, path));
    found.emplace(key, std::move(*value));
  }
  return found;
}

std::uint64_t Dir::free_bytes() const {
  struct statvfs s;
  if (::fstatvfs(fd_.get(), &s) != 0) throw_errno("look at the file system of {}", name_);
  if (s.f_blocks == 0) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(s.f_bavail) * s.f_frsize;
}

std::optional<std::uint64_t> Dir::free_inodes() const {
  struct statvfs s;
  if (::fstatvfs(fd_.get(), &s) != 0) throw_errno("look at the file system of {}", name_);
  return s.f_files == 0 ? std::nullopt : std::optional<std::uint64_t>(s.f_favail);
}

void Dir::sync() const {
  // A folder that was opened as a mere path (O_PATH) cannot be synced by that descriptor.
  Fd fd(::openat(fd_.get(), ".", kOpenFolder | O_CLOEXEC));
  if (!fd) throw_errno("open folder {}", name_);
  imgb::sync(fd, name_);
}

FileStat stat_of(const Fd& fd, std::string_view what) {
  struct ::stat s;
  if (::fstat(fd.get(), &s) != 0) throw_errno("stat {}", what);
  return to_file_stat(s, what);
}

}  // namespace imgb
