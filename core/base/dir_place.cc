#include "core/base/dir_place.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "core/base/error.h"

namespace imgb {

std::string_view without_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

namespace {

int openat2_once(int at, const std::string& path, int flags, std::uint32_t mode, Links links) {
  open_how how{};
  bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  if (!(flags & O_PATH)) how.flags |= O_NOCTTY;
  if (links == Links::in_root_nofollow_last) how.flags |= O_NOFOLLOW;
  how.mode = creates ? mode : 0;
  how.resolve =
      RESOLVE_NO_MAGICLINKS | (links == Links::refuse ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS : RESOLVE_IN_ROOT);
  for (;;) {
    // EAGAIN: something was renamed during the walk and the kernel cannot vouch for ".."; the next walk will do.
    long fd = ::syscall(SYS_openat2, at, path.empty() ? "." : path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
}

}  // namespace

int open_below(const Fd& root, std::string_view path, int flags, std::uint32_t mode, Links links) {
  if (path.find('\0') != std::string_view::npos) {
    errno = EINVAL;
    return -1;
  }
  if (path.size() < PATH_MAX) return openat2_once(root.get(), std::string(path), flags, mode, links);
  Fd at;
  while (path.size() >= PATH_MAX) {
    std::size_t cut = path.rfind('/', PATH_MAX / 2);
    if (cut == std::string_view::npos || cut == 0) {
      errno = ENAMETOOLONG;
      return -1;
    }
    // A link in the middle of so long a path would be resolved against the wrong root: refused.
    int next = openat2_once(at ? at.get() : root.get(), std::string(path.substr(0, cut)), O_PATH | O_DIRECTORY, 0,
                            Links::refuse);
    if (next < 0) return -1;
    at = Fd(next);
    path.remove_prefix(cut + 1);
  }
  return openat2_once(at.get(), std::string(path), flags, mode, links);
}

Dir::Place::Place(const Dir& dir, std::string_view path, Links links) {
  path = without_slashes(path);
  std::size_t slash = path.rfind('/');
  leaf_ = std::string(path.substr(slash == std::string_view::npos ? 0 : slash + 1));
  if (leaf_.empty() || leaf_ == "." || leaf_ == ".." || leaf_.find('\0') != std::string::npos) {
    errno = EINVAL;
    throw_errno("{}/{}", dir.name_, path);
  }
  if (slash == std::string_view::npos) {
    at_ = dir.fd_.get();
    return;
  }
  std::string_view above = path.substr(0, slash);
  int fd = open_below(dir.fd_, above, O_PATH | O_DIRECTORY, 0, links == Links::refuse ? Links::refuse : Links::in_root);
  if (fd < 0) throw_errno("open folder {}/{}", dir.name_, above);
  owned_ = Fd(fd);
  at_ = owned_.get();
}

std::string Dir::Place::proc_path() const { return fmt::format("/proc/self/fd/{}/{}", at_, leaf_); }

}  // namespace imgb
