#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <thread>

#include "core/base/error.h"

namespace imgb {

/// From now on no file system has unnamed files (O_TMPFILE) for this thread, nor for the threads and programs it
/// starts: like NFS and FUSE, the kernel answers EOPNOTSUPP.
inline void lose_unnamed_files() {
  constexpr unsigned kTmpFile = O_TMPFILE & ~O_DIRECTORY, kFlags = offsetof(seccomp_data, args[2]);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlags),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kTmpFile, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{sizeof program / sizeof *program, program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    throw_errno("install a filter");
}

template <class Body>
void without_unnamed_files(Body body) {
  std::jthread([&] {
    lose_unnamed_files();
    body();
  }).join();
}

}  // namespace imgb
