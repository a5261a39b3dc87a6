#include "sandbox/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxFileBytes = 16 << 20;

Fd open_in(const Fd& proc, std::string_view path, int flags) {
  open_how how{.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC),
               .mode = 0,
               .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
  std::string name(path);
  Fd file(static_cast<int>(::syscall(SYS_openat2, proc.get(), name.c_str(), &how, sizeof how)));
  if (!file) throw_errno("/proc/{}", path);
  return file;
}

}  // namespace

Procfs Procfs::open() {
  Procfs procfs;
  procfs.proc_ = Fd(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statfs info {};
  if (!procfs.proc_ || ::fstatfs(procfs.proc_.get(), &info) < 0 || info.f_type != PROC_SUPER_MAGIC)
    throw Error(ErrorKind::unsupported, "/proc is not mounted").set_hint("mount it: mount -t proc proc /proc");
  return procfs;
}

std::string Procfs::read(std::string_view path) const {
  return read_all(open_in(proc_, path, O_RDONLY), kMaxFileBytes, fmt::format("/proc/{}", path));
}

void Procfs::write(std::string_view path, std::string_view text) const {
  write_all(open_in(proc_, path, O_WRONLY), text, fmt::format("/proc/{}", path));
}

Fd Procfs::open_pid(pid_t pid) const { return open_in(proc_, std::to_string(pid), O_PATH | O_DIRECTORY); }

Fd Procfs::reopen(int descriptor, int flags) {
  Fd folder = open_in(open().proc_, fmt::format("{}/fd", ::getpid()), O_PATH | O_DIRECTORY);
  Fd file(::openat(folder.get(), std::to_string(descriptor).c_str(), flags | O_CLOEXEC));  // a magic link
  if (!file) throw_errno("/proc/self/fd/{}", descriptor);
  return file;
}

Fd Procfs::open_root(pid_t pid) const {
  Fd root(::openat(open_pid(pid).get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));  // a magic link as well
  if (!root) throw_errno("/proc/{}/root", pid);
  return root;
}

Fd Procfs::open_namespace(pid_t pid, std::string_view kind) const {
  // A magic link by nature: reached from the process's own folder, and the kernel makes what it leads to.
  Fd folder = open_in(proc_, fmt::format("{}/ns", pid), O_PATH | O_DIRECTORY);
  Fd space(::openat(folder.get(), std::string(kind).c_str(), O_RDONLY | O_CLOEXEC));
  if (!space) throw_errno("/proc/{}/ns/{}", pid, kind);
  return space;
}

std::optional<std::uint64_t> Procfs::find_start_time(pid_t pid) const {
  std::string text;
  try {
    text = read(fmt::format("{}/stat", pid));
  } catch (const SystemError& e) {
    if (e.errno_value() == ENOENT || e.errno_value() == ESRCH) return std::nullopt;
    throw;
  }
  // "pid (name) state ...": the name may hold anything, so count from its last parenthesis. Start time is field 22.
  auto after = text.rfind(')');
  if (after == std::string::npos) return std::nullopt;
  auto fields = split(std::string_view(text).substr(after + 2), ' ');
  if (fields.size() < 20) return std::nullopt;
  return find_unsigned(fields[19]);
}

}  // namespace imgb
