#include "sandbox/stub/throw_away.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/stub/overlay.h"

namespace imgb::stub {
namespace {

/// The view's top folder is the upper one's: it takes mode and owner of the source.
void copy_owner(const Site& site, int here) {
  struct stat info {};
  site.control.check(::fstatat(here, "l", &info, 0), "looking at a mount's source");
  ::fchownat(here, "u", info.st_uid, info.st_gid, 0);  // an owner that is not mapped stays root
  ::fchmodat(here, "u", info.st_mode & 07777, 0);
}

void put_file_content(Site& site, int from_mount, int copy, std::string_view target) {
  // The mount is an O_PATH descriptor; attached over a file of the base it can be opened for reading.
  int place = site.control.check(::openat(site.base(), "f/c", O_CREAT | O_RDONLY | O_CLOEXEC, 0600), "copying", target);
  ::close(place);
  site.attach_at(from_mount, site.base(), "f/c");
  int from = site.control.check(::openat(site.base(), "f/c", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), "reading",
                                target);
  for (;;) {
    static char bytes[65536];
    ssize_t size = ::read(from, bytes, sizeof bytes);
    if (size < 0) site.control.fail("reading", target);
    if (size == 0) break;
    if (::write(copy, bytes, static_cast<std::size_t>(size)) != size) site.control.fail("copying", target);
  }
  ::close(from);
  site.control.check(::fchdir(site.base()), "entering a folder");
  site.control.check(::umount2("f/c", MNT_DETACH), "detaching", target);
}

void throw_away_file(Site& site, std::string_view target, int mount) {
  const char* name = site.next_name();
  struct stat info {};
  site.control.check(::fstat(mount, &info), "looking at a mount's source");
  int copy =
      site.control.check(::openat(site.base(), name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600), "copying", target);
  put_file_content(site, mount, copy, target);
  ::fchown(copy, info.st_uid, info.st_gid);
  site.control.check(::fchmod(copy, info.st_mode & 0777), "copying", target);
  ::close(copy);
  site.put_own(site.take(name, kNothingSpecial), target, Kind::file, Links::follow);
}

}  // namespace

void mount_throw_away(Site& site) {
  std::string_view target = site.plan.text();
  int mount = site.next_source();
  if (!site.plan.flag()) return throw_away_file(site, target, mount);
  Text work;
  work << site.next_name();
  site.control.check(::mkdirat(site.base(), work.c_str(), 0755), "making a working folder");
  int here =
      site.control.check(::openat(site.base(), work.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening a folder");
  for (const char* name : {"l", "u", "w", "m"})
    site.control.check(::mkdirat(here, name, 0755), "making a working folder");
  site.attach_at(mount, here, "l");
  copy_owner(site, here);
  site.control.check(::fchdir(here), "entering a folder");
  ::close(here);
  std::string_view lower = "l";
  OverlayFolders folders{.upper = "u", .work = "w", .lower = &lower, .lower_count = 1, .user_xattrs = true};
  site.put_own(mount_overlay(folders, "l", "m", kNothingSpecial, site.control), target, Kind::folder, Links::follow);
}

}  // namespace imgb::stub
