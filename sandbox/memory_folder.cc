#include "sandbox/memory_folder.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "core/base/error.h"

namespace imgb {

Fd make_memory_folder() {
  Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    throw_errno("a folder in memory");
  Fd folder(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!folder) throw_errno("a folder in memory");
  return folder;
}

}  // namespace imgb
