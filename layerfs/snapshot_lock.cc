#include "layerfs/snapshot_lock.h"

#include <fcntl.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/store/lock_wait.h"
#include "layerfs/snapshot_names.h"

namespace imgb {
namespace {

bool try_lock_byte(const Fd& file, std::uint64_t place) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(place);
  lock.l_len = 1;
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) == 0) return true;
  if (errno != EAGAIN && errno != EACCES) throw_errno("lock a snapshot");
  return false;
}

}  // namespace

SnapshotLock SnapshotLock::take(const Dir& snapshots, std::uint64_t place, std::stop_token stop) {
  Fd file = snapshots.open_file(kLocksName, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  wait_until([&] { return try_lock_byte(file, place); }, std::move(stop));
  return SnapshotLock(std::move(file));
}

}  // namespace imgb
