#include "sandbox/program_user.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

namespace imgb {

void check_ids(const ProcessPlan& process, const WorldIds& ids) {
  if (find_outside(ids.uids, process.uid) && find_outside(ids.gids, process.gid)) return;
  throw Error(ErrorKind::unsupported,
              fmt::format("user {}, group {} cannot be had here: your id range does not reach so far", process.uid,
                          process.gid))
      .set_hint(
          "install the package uidmap and give yourself ids: usermod --add-subuids 100000-165535 --add-subgids "
          "100000-165535 USER");
}

void give_pipes(const StepIo& io, const ProcessPlan& process, const WorldIds& ids) {
  auto uid = find_outside(ids.uids, process.uid), gid = find_outside(ids.gids, process.gid);
  for (int fd : {io.in, io.out, io.err}) {
    struct stat info {};
    if (fd < 0 || !uid || !gid || ::fstat(fd, &info) < 0 || !S_ISFIFO(info.st_mode)) continue;
    if (::fchown(fd, *uid, *gid) < 0) throw_errno("giving the program its pipes");
  }
}

}  // namespace imgb
