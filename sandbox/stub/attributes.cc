#include "sandbox/stub/attributes.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cerrno>

namespace imgb::stub {
namespace {

void write_attribute(std::string_view name, std::string_view value, const Control& control) {
  int proc = control.check(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /proc");
  struct statfs info {};
  control.check(::fstatfs(proc, &info), "looking at /proc");
  if (info.f_type != PROC_SUPER_MAGIC) control.fail(Failure::bad_target, ENOTDIR, "/proc is no procfs");
  Text path;
  path << static_cast<std::uint64_t>(::getpid()) << "/attr/" << name;
  int file = open_below(proc, path.c_str(), O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
  control.check(file, "opening process attribute", name);
  if (::write(file, value.data(), value.size()) < 0) control.fail("setting the security label", value);
  ::close(file);
  ::close(proc);
}

}  // namespace

void label_next_program(std::string_view apparmor, std::string_view selinux, const Control& control) {
  if (!apparmor.empty()) {
    Text value;
    value << "exec " << apparmor;
    write_attribute("apparmor/exec", value.view(), control);
  }
  if (!selinux.empty()) write_attribute("exec", selinux, control);
}

}  // namespace imgb::stub
