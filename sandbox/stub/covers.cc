#include "sandbox/stub/covers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

namespace imgb::stub {
namespace {

constexpr std::uint64_t kHidden = kNothingSpecial | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;

void mask_place(Site& site, std::string_view path) {
  int place = site.tree().find(path);
  if (place < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    site.control.fail(Failure::bad_target, errno, "masking", path);
  }
  struct stat info {};
  site.control.check(::fstat(place, &info), "masking", path);
  int cover;
  if (S_ISDIR(info.st_mode)) {
    cover = site.take("e", kHidden);
  } else {
    cover = site.control.check(clone_mount(site.null_device(), false), "masking", path);
  }
  site.control.check(move_onto(cover, place), "masking", path);
  ::close(cover);
  ::close(place);
}

}  // namespace

void mask(Site& site) { mask_place(site, site.plan.text()); }

/// The numbers have gaps where processors were taken out: the folder itself says which are there.
void mask_each(Site& site) {
  std::string_view folder = site.plan.text(), prefix = site.plan.text(), name = site.plan.text();
  int place = site.tree().find(folder);
  if (place < 0 && errno == ENOENT) return;
  site.control.check(place, "masking", folder);
  int list = site.control.check(::openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "reading", folder);
  ::close(place);
  alignas(dirent64) static char entries[16384];
  while (long size = site.control.check(static_cast<int>(::syscall(SYS_getdents64, list, entries, sizeof entries)),
                                        "reading", folder)) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      std::string_view found = entry->d_name;
      if (!found.starts_with(prefix)) continue;
      Text one;
      one << folder << "/" << found << "/" << name;
      mask_place(site, one.view());
    }
  }
  ::close(list);
}

void make_read_only(Site& site) {
  std::string_view path = site.plan.text();
  int place = site.tree().find(path);
  if (place < 0) {
    if (errno == ENOENT) return;
    site.control.fail(Failure::bad_target, errno, "making read-only", path);
  }
  int copy = site.control.check(clone_mount(place, true), "making read-only", path);
  site.control.check(set_attributes(copy, MOUNT_ATTR_RDONLY, true), "making read-only", path);
  site.control.check(move_onto(copy, place), "making read-only", path);
  ::close(copy);
  ::close(place);
}

}  // namespace imgb::stub
