#include "core/base/dir_resolve.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb::dir_detail {
namespace {

constexpr int kMaxLinks = 40;
constexpr int kMaxRaces = 1000;

std::uint64_t resolve_flags(Links links) {
  if (links == Links::refuse) return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
}

/// Whether a filter refuses the call (that of a container engine which does not know it yet): the kernel itself opens
/// any folder as O_PATH.
bool is_refused(int dir) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, dir, ".", &how, sizeof how)));
  return !fd && errno == EPERM;
}

[[noreturn]] void throw_no_openat2(std::string why) {
  Error error(ErrorKind::unsupported, std::move(why));
  throw error.set_hint(
      "openat2 came with Linux 5.6; in a container it needs an engine whose seccomp filter knows it (libseccomp 2.5), "
      "or "
      "--security-opt seccomp=unconfined");
}

/// `path` is shorter than PATH_MAX.
int open_short(int dir, const std::string& path, int flags, std::uint32_t mode, Links links) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  if (!(flags & O_PATH)) how.flags |= O_NOCTTY;
  // With RESOLVE_NO_SYMLINKS the kernel would still hand out a trailing link itself to O_PATH|O_NOFOLLOW.
  if (links == Links::refuse) how.flags &= ~static_cast<unsigned>(O_NOFOLLOW);
  if (links == Links::in_root_nofollow_last) how.flags |= O_NOFOLLOW;
  if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) how.mode = mode & 07777;
  how.resolve = resolve_flags(links);
  // EAGAIN: something was renamed while ".." was resolved, and the kernel could not prove that it stayed inside.
  for (int race = 0;; ++race) {
    long fd = ::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == ENOSYS) throw_no_openat2("this kernel has no openat2");
    if (errno == EPERM) {
      if (is_refused(dir)) throw_no_openat2("the system call openat2 is refused here");
      return errno = EPERM, -1;
    }
    if (errno != EINTR && (errno != EAGAIN || race == kMaxRaces)) return -1;
  }
}

/// Walks the folders of a path of any length; leaves the last component in `path`. An empty Fd means `dir` itself.
std::optional<Fd> walk_to_parent(int dir, std::string_view& path, Links links) {
  Fd at;
  while (path.size() >= PATH_MAX) {
    std::size_t cut = path.rfind('/', PATH_MAX - 2);
    if (cut == std::string_view::npos) return errno = ENAMETOOLONG, std::nullopt;
    int next = open_short(at ? at.get() : dir, std::string(path.substr(0, cut)), O_PATH | O_DIRECTORY, 0, links);
    if (next < 0) return std::nullopt;
    at = Fd(next);
    path = without_leading_slashes(path.substr(cut));
  }
  return at;
}

int open_long(int dir, std::string_view path, int flags, std::uint32_t mode, Links links) {
  std::string canonical;
  if (links != Links::refuse) {
    bool follow_last = links == Links::in_root && !(flags & O_NOFOLLOW);
    path = canonical = resolve_in_root(dir, path, follow_last);
  }
  auto parent = walk_to_parent(dir, path, Links::refuse);
  if (!parent) return -1;
  std::string last(path.empty() ? "." : path);
  std::size_t slash = last.rfind('/');
  if (links != Links::in_root_nofollow_last || slash == std::string::npos)
    return open_short(*parent ? parent->get() : dir, last, flags, mode,
                      links == Links::in_root_nofollow_last ? links : Links::refuse);
  Fd folder(open_short(*parent ? parent->get() : dir, last.substr(0, slash), O_PATH | O_DIRECTORY, 0, Links::refuse));
  if (!folder) return -1;
  return open_short(folder.get(), last.substr(slash + 1), flags, mode, links);
}

/// Path components still to be walked, the next one last.
void push_components(std::vector<std::string>& pending, std::string_view path) {
  auto parts = split(path, '/');
  pending.insert(pending.end(), parts.rbegin(), parts.rend());
}

std::optional<std::string> find_link(int folder, const std::string& name) {
  char target[PATH_MAX];
  ssize_t size = ::readlinkat(folder, name.c_str(), target, sizeof target);
  if (size < 0) return std::nullopt;
  return std::string(target, static_cast<std::size_t>(size));
}

}  // namespace

std::string_view without_leading_slashes(std::string_view path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path;
}

std::string shown(const Dir& dir, std::string_view path) {
  return dir.name() + "/" + printable(without_leading_slashes(path), 512);
}

int open_below(int dir, std::string_view path, int flags, std::uint32_t mode, Links links) {
  path = without_leading_slashes(path);
  if (path.empty()) path = ".";
  if (path.find('\0') != std::string_view::npos) return errno = EINVAL, -1;
  if (path.size() >= PATH_MAX) return open_long(dir, path, flags, mode, links);
  return open_short(dir, std::string(path), flags, mode, links);
}

std::string resolve_in_root(int root, std::string_view path, bool follow_last) {
  std::vector<std::string> pending, done;
  push_components(pending, path);
  Fd at;              // the folder that `done` names; empty: root, or `lost`
  bool lost = false;  // what `done` names is no folder
  int links = 0;
  auto reopen = [&] {
    at = Fd(done.empty() ? -1 : open_below(root, join(done, "/"), O_PATH | O_DIRECTORY, 0, Links::refuse));
    lost = !done.empty() && !at;
  };
  while (!pending.empty()) {
    std::string part = std::move(pending.back());
    pending.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      reopen();
      continue;
    }
    int folder = at ? at.get() : root;
    auto target = lost || (pending.empty() && !follow_last) ? std::nullopt : find_link(folder, part);
    if (target) {
      if (++links > kMaxLinks) throw SystemError(ELOOP, "resolve " + printable(path, 512));
      push_components(pending, *target);
      if (target->starts_with('/')) done.clear(), reopen();
      continue;
    }
    if (!lost && !pending.empty()) {
      Fd next(open_short(folder, part, O_PATH | O_DIRECTORY, 0, Links::refuse));
      lost = !next;
      at = std::move(next);
    }
    done.push_back(std::move(part));
  }
  return join(done, "/");
}

std::optional<Place> find_place(const Dir& dir, std::string_view path, Links links) {
  try {
    return place_of(dir, path, links);
  } catch (const SystemError& e) {
    if (is_absence(e.errno_value())) return std::nullopt;
    throw;
  }
}

int open_unnamed(int dir, int flags, std::uint32_t mode) {
  return ::openat(dir, ".", O_TMPFILE | O_CLOEXEC | flags, mode);
}

bool has_no_unnamed(int error) { return error == EOPNOTSUPP || error == EISDIR || error == ENOENT; }

std::string random_name(std::string_view stem) {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_errno("random bytes for a name");
  return fmt::format(".{}.{:016x}", stem, number);
}

Place place_of(const Dir& dir, std::string_view path, Links links) {
  std::string_view rest = without_leading_slashes(path);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('\0') != std::string_view::npos) throw SystemError(EINVAL, shown(dir, path));
  if (rest.empty()) return {Fd(), dir.fd().get(), "."};
  std::size_t slash = rest.rfind('/');
  std::string leaf(rest.substr(slash + 1));  // npos + 1 is 0
  if (leaf == "..") throw SystemError(EINVAL, shown(dir, path));
  if (slash == std::string_view::npos) return {Fd(), dir.fd().get(), std::move(leaf)};
  Links on_the_way = links == Links::refuse ? Links::refuse : Links::in_root;
  Fd parent(open_below(dir.fd().get(), rest.substr(0, slash), O_PATH | O_DIRECTORY, 0, on_the_way));
  if (!parent) throw_errno("open folder of {}", shown(dir, path));
  int number = parent.get();
  return {std::move(parent), number, std::move(leaf)};
}

std::optional<FileType> type_of_mode(std::uint32_t st_mode) {
  switch (st_mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular;
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
      return std::nullopt;
  }
}

}  // namespace imgb::dir_detail
