#include "cli/settle.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/process.h"

namespace imgb {
namespace {

constexpr int kRootFd = 3;

/// ioprio_set(2) has no wrapper in libc: class idle for this process.
void yield_disk() {
  constexpr int kWhoProcess = 1, kClassIdle = 3, kClassShift = 13;
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kClassIdle << kClassShift);
}

}  // namespace

void settle_in_background(const Dir& root, const SnapshotStore& snapshots) {
  if (!snapshots.made_any()) return;
  try {
    Spawn spawn;
    spawn.program = Fd(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
    if (!spawn.program) throw_errno("open /proc/self/exe");
    spawn.argv = {"imgb", kSettleCommand};
    spawn.fds = {{kRootFd, root.fd().get()}};
    spawn.die_with_parent = false;
    spawn.new_session = true;
    Child::start(spawn).release();
  } catch (const Error&) {
    // The command has done what it was asked for; these layers are unpacked again after a reboot.
  }
}

int run_settle(std::span<const std::string>) {
  yield_disk();
  settle_snapshots(Dir(Fd(kRootFd), "the store"));
  return 0;
}

}  // namespace imgb
