#include "core/store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "core/base/error.h"

namespace imgb {
namespace {

bool flock_fd(const Fd& fd, int operation, std::string_view what) {
  while (::flock(fd.get(), operation) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno("locking {}", what);
  }
  return true;
}

int operation_of(FileLock::Mode mode) { return mode == FileLock::Mode::shared ? LOCK_SH : LOCK_EX; }

Fd open_lock(const Dir& dir, std::string_view name) { return dir.open_file(name, O_RDWR | O_CREAT, 0600); }

/// On a read-only disk a lock that is not there can be made by nobody: the folder stands for it.
Fd open_to_read(const Dir& dir, std::string_view name, const SystemError& why_not_to_write) {
  if (auto file = dir.find_file(name, O_RDONLY)) return *std::move(file);
  if (why_not_to_write.errno_value() != EROFS) throw why_not_to_write;
  return dir.open_dir(".").fd().duplicate();
}

}  // namespace

FileLock FileLock::take(const Dir& dir, std::string_view name, Mode mode) {
  bool read_only = false;
  Fd fd = [&] {
    try {
      return open_lock(dir, name);
    } catch (const SystemError& e) {
      if (mode == Mode::exclusive || !forbids_writing(e)) throw;
      read_only = true;
      return open_to_read(dir, name, e);
    }
  }();
  flock_fd(fd, operation_of(mode), name);
  return {std::move(fd), mode, read_only};
}

std::optional<FileLock> FileLock::try_take(const Dir& dir, std::string_view name, Mode mode) {
  Fd fd = open_lock(dir, name);
  if (!flock_fd(fd, operation_of(mode) | LOCK_NB, name)) return std::nullopt;
  return FileLock(std::move(fd), mode);
}

bool FileLock::is_held(const Dir& dir, std::string_view name) {
  auto file = dir.find_file(name, O_RDONLY);
  return file && !flock_fd(*file, LOCK_EX | LOCK_NB, name);
}

bool FileLock::change(Mode mode, bool wait) {
  if (flock_fd(fd_, operation_of(mode) | (wait ? 0 : LOCK_NB), "the store")) {
    mode_ = mode;
    return true;
  }
  flock_fd(fd_, operation_of(mode_), "the store");
  return false;
}

bool try_lock(const Fd& file) { return flock_fd(file, LOCK_EX | LOCK_NB, "a file"); }
void lock(const Fd& file) { flock_fd(file, LOCK_EX, "a file"); }

bool forbids_writing(const SystemError& failure) {
  int error = failure.errno_value();
  return error == EROFS || error == EACCES || error == EPERM;
}

}  // namespace imgb
