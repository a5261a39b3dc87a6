#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/dir.h"
#include "core/base/dir_resolve.h"
#include "core/base/error.h"
#include "core/base/remove_tree.h"
#include "core/base/text.h"

// Removal of trees of any depth with a bounded number of descriptors. Only the lowest kOpenLevels folders of the
// present path are open. When the walk comes back to one that was closed, it is opened as ".." of the folder just
// emptied, and must be the very inode that was entered: whoever moves folders meanwhile (V92) gets an error, and
// nothing else is touched.
namespace imgb {

using namespace dir_detail;

namespace {

constexpr std::size_t kOpenLevels = 64;
constexpr int kMaxPasses = 100;

struct Level {
  Fd fd;
  std::string name;  ///< In the level above.
  dev_t device = 0;
  ino_t inode = 0;
  std::vector<std::string> folders;  ///< Still to be removed.
  int passes = 0;
};

class TreeRemover {
 public:
  TreeRemover(std::string what, std::stop_token stop) : what_(std::move(what)), stop_(std::move(stop)) {}

  void remove(int folder, const std::string& leaf) {
    if (leaf == ".") throw SystemError(EBUSY, "remove " + what_);
    if (remove_name(folder, leaf)) return;
    if (!enter(folder, leaf)) return;
    while (!levels_.empty()) {
      Level& top = levels_.back();
      if (!top.folders.empty()) {
        std::string name = std::move(top.folders.back());
        top.folders.pop_back();
        enter(top.fd.get(), name);
      } else {
        leave(folder);
      }
    }
  }

 private:
  [[noreturn]] void fail(const char* verb, std::string_view name = {}) const {
    int error = errno;
    std::string path = what_;
    for (std::size_t i = 1; i < levels_.size(); ++i) path += "/" + levels_[i].name;
    if (!name.empty()) path.append("/").append(name);
    throw SystemError(error, fmt::format("{} {}", verb, printable(path, 512)));
  }

  /// Removes what is not a folder; false when it is one.
  bool remove_name(int folder, const std::string& name) {
    if (stop_.stop_requested()) throw Error(ErrorKind::cancelled, "stopped while removing " + what_);
    if (try_unlink(folder, name, 0, !levels_.empty())) return true;
    if (errno == EISDIR) return false;
    fail("remove", name);
  }

  /// An absent name counts as removed. Write permission or the immutable flag of the folder may be in the way, which is
  /// ours to change when it goes too.
  static bool try_unlink(int folder, const std::string& name, int flags, bool folder_goes) {
    if (::unlinkat(folder, name.c_str(), flags) == 0 || errno == ENOENT) return true;
    if (errno != EACCES && errno != EPERM) return false;
    int error = errno;
    if (folder_goes) {
      ::fchmod(folder, 0700);
      clear_immutable(folder, ".");
    }
    if (error == EPERM) clear_immutable(folder, name.c_str());
    return ::unlinkat(folder, name.c_str(), flags) == 0 || errno == ENOENT;
  }

  static void clear_immutable(int folder, const char* name) {
    int saved = errno, flags = 0;
    struct ::stat s;
    bool plain = ::fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) == 0 && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode));
    Fd file(plain ? ::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1);
    if (file && ::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))) {
      flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
      ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags);
    }
    errno = saved;
  }

  static int open_folder(int folder, const std::string& name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
    int fd = static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how));
    if (fd >= 0 || errno != EACCES) return fd;
    how.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Fd closed(static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
    if (!closed || ::chmod(fmt::format("/proc/self/fd/{}", closed.get()).c_str(), 0700) != 0) return -1;
    return ::openat(closed.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }

  /// False when it is gone already. Removes every file in it and notes the folders.
  bool enter(int folder, const std::string& name) {
    Level level;
    level.fd = Fd(open_folder(folder, name));
    if (!level.fd && errno == ENOENT) return false;
    struct ::stat s;
    if (!level.fd || ::fstat(level.fd.get(), &s) != 0) fail("open folder", name);
    level.name = name;
    level.device = s.st_dev;
    level.inode = s.st_ino;
    levels_.push_back(std::move(level));
    if (levels_.size() > kOpenLevels) levels_[levels_.size() - 1 - kOpenLevels].fd.reset();
    sweep(levels_.back());
    return true;
  }

  void sweep(Level& level) {
    ++level.passes;
    alignas(dirent64) char buffer[32768];
    if (::lseek(level.fd.get(), 0, SEEK_SET) < 0) fail("list");
    for (;;) {
      long got = ::syscall(SYS_getdents64, level.fd.get(), buffer, sizeof buffer);
      if (got == 0 || (got < 0 && errno == ENOENT)) return;  // ENOENT: somebody else removed it
      if (got < 0) fail("list");
      for (long at = 0; at < got;) {
        auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
        at += entry->d_reclen;
        std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (entry->d_type == DT_DIR || !remove_name(level.fd.get(), name)) level.folders.push_back(std::move(name));
      }
    }
  }

  /// Removes the top level's folder from the one above it.
  void leave(int root) {
    Level& top = levels_.back();
    if (levels_.size() > 1 && !levels_[levels_.size() - 2].fd) reopen_parent(levels_[levels_.size() - 2], top);
    int above = levels_.size() > 1 ? levels_[levels_.size() - 2].fd.get() : root;
    if (!try_unlink(above, top.name, AT_REMOVEDIR, levels_.size() > 1)) {
      // A file system may have hidden entries from us while we removed others.
      if ((errno != ENOTEMPTY && errno != EEXIST) || top.passes >= kMaxPasses) fail("remove");
      sweep(top);
      return;
    }
    levels_.pop_back();
  }

  void reopen_parent(Level& parent, const Level& child) {
    Fd fd(::openat(child.fd.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct ::stat s;
    if (!fd || ::fstat(fd.get(), &s) != 0) fail("open parent");
    if (s.st_dev != parent.device || s.st_ino != parent.inode)
      throw_error(ErrorKind::denied, "{}: folders were moved while it was removed", what_);
    parent.fd = std::move(fd);
  }

  std::string what_;
  const std::stop_token stop_;
  std::vector<Level> levels_;
};

}  // namespace

void Dir::remove_tree(std::string_view path, Links links) const {
  auto place = find_place(*this, path, links);
  if (place) TreeRemover(shown(*this, path), {}).remove(place->folder, place->leaf);
}

void remove_tree(const Dir& folder, std::string_view path, const std::stop_token& stop) {
  auto place = find_place(folder, path, Links::refuse);
  if (place) TreeRemover(shown(folder, path), stop).remove(place->folder, place->leaf);
}

}  // namespace imgb
