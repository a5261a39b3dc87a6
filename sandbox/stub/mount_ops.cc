#include "sandbox/stub/mount_ops.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "sandbox/stub/overlay.h"

namespace imgb::stub {
namespace {

/// Nothing of the image is in the ground: the target is made without looking.
void attach_new_file(Site& site, std::string_view target, int mount) {
  int folder = site.open_parent(target);
  const char* name = target.data() + target.rfind('/') + 1;
  site.control.check(::mknodat(folder, name, S_IFREG | 0644, 0), "making mount target", target);
  site.attach_at(mount, folder, name);
  ::close(folder);
}

}  // namespace

void mount_root(Site& site) {
  site.attach_at(site.next_source(), site.base(), "s");
  OverlayFolders folders;
  folders.upper = site.plan.text();
  folders.work = site.plan.text();
  std::uint64_t attributes = site.plan.number();
  static std::string_view lower[kMaxLower];
  folders.lower = lower;
  folders.lower_count = site.plan.number();
  if (folders.lower_count > kMaxLower) site.control.fail(Failure::system, E2BIG, "mounting the overlay");
  for (std::size_t i = 0; i < folders.lower_count; ++i) lower[i] = site.plan.text();
  if (folders.lower_count == 0) lower[folders.lower_count++] = "../e";
  if (folders.upper.empty()) {
    folders.upper = "../u";
    folders.work = "../w";
  }
  int snapshots =
      site.control.check(::openat(site.base(), "s", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the snapshots");
  site.control.check(::fchdir(snapshots), "entering the snapshots");
  ::close(snapshots);
  site.set_root(mount_overlay(folders, "../b", "../r", attributes, site.control));
}

void mount_tree(Site& site) {
  site.attach_at(site.next_source(), site.base(), "r");
  site.set_root(site.control.check(::openat(site.base(), "r", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the root"));
}

void mount_file_system(Site& site) {
  std::string_view target = site.plan.text(), type = site.plan.text();
  std::uint64_t attributes = site.plan.number();
  bool optional = site.plan.flag();
  Links links = site.plan.flag() ? Links::follow : Links::refuse;
  int context = ::fsopen(type.data(), FSOPEN_CLOEXEC);
  if (context < 0 && !optional) site.control.fail("opening file system", type);
  std::uint32_t count = site.plan.number();
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string_view key = site.plan.text(), value = site.plan.text();
    if (context < 0 || ::fsconfig(context, FSCONFIG_SET_STRING, key.data(), value.data(), 0) == 0) continue;
    // An id that is not mapped: root's group serves.
    if (key != "gid") site.control.fail("setting up file system", type);
  }
  if (context < 0) return;
  if (::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    if (!optional) site.control.fail("making file system", type);
    ::close(context);
    return;
  }
  int mount =
      site.control.check(::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)), "mounting", type);
  ::close(context);
  site.put_own(mount, target, Kind::folder, links);
}

void attach_source(Site& site) {
  std::string_view target = site.plan.text();
  int mount = site.next_source();
  Kind kind = site.plan.flag() ? Kind::folder : Kind::file;
  Links links = site.plan.flag() ? Links::follow : Links::refuse;
  if (!site.has_root() && kind == Kind::file) return attach_new_file(site, target, mount);
  site.put(mount, target, kind, links);
}

void move_from_ground(Site& site) {
  std::string_view path = site.plan.text();
  int mount = open_below(site.kernel(), path.data() + 1, O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
  site.control.check(mount, "opening", path);
  site.put(mount, path, Kind::folder, Links::refuse);
  ::close(mount);
}

}  // namespace imgb::stub
