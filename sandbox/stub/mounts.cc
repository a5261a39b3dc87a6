#include "sandbox/stub/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

#include "sandbox/stub/covers.h"
#include "sandbox/stub/made_files.h"
#include "sandbox/stub/mount_ops.h"
#include "sandbox/stub/throw_away.h"

namespace imgb::stub {
namespace {

void apply(Op op, Site& site) {
  switch (op) {
    case Op::overlay:
      return mount_root(site);
    case Op::file_system:
      return mount_file_system(site);
    case Op::attach:
      return attach_source(site);
    case Op::throw_away:
      return mount_throw_away(site);
    case Op::file:
      return make_file(site);
    case Op::socket:
      return make_socket(site);
    case Op::mask:
      return mask(site);
    case Op::mask_each:
      return mask_each(site);
    case Op::read_only:
      return make_read_only(site);
    case Op::move:
      return move_from_ground(site);
    case Op::symlink:
      return make_symlink(site);
    case Op::folder:
      return make_folder(site);
    case Op::tree:
      return mount_tree(site);
  }
  site.control.fail(Failure::system, EBADMSG, "reading the plan");
}

void apply_all(Site& site) {
  std::uint32_t count = site.plan.number();
  for (std::uint32_t i = 0; i < count; ++i) apply(static_cast<Op>(site.plan.number()), site);
}

void enter(int root, const Control& control) {
  int host = control.check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /");
  control.check(::fchdir(root), "entering the root");
  control.check(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "pivot_root");
  control.check(::fchdir(host), "leaving the host's root");
  ::close(host);
  // umount acts on what lies on top of the host's root: the working folder first, then the root itself.
  control.check(::umount2(".", MNT_DETACH), "detaching the working folder");
  control.check(::umount2(".", MNT_DETACH), "detaching the host's root");
  control.check(::chdir("/"), "entering the root");
}

}  // namespace

Ground build_ground(PlanReader& plan, const int* sources, std::size_t source_count, const Control& control) {
  control.check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
  Site site(plan, sources, source_count, control);
  Ground ground = site.make_ground();
  apply_all(site);
  return ground;
}

void build_tree(const Ground& ground, PlanReader& plan, const int* sources, std::size_t source_count,
                const Control& control) {
  Site site(plan, sources, source_count, control);
  site.use_ground(ground);
  apply_all(site);
  if (plan.flag())
    control.check(set_attributes(site.root_mount(), MOUNT_ATTR_RDONLY, false), "making the root read-only");
  enter(site.root_mount(), control);
}

}  // namespace imgb::stub
