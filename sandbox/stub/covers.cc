#include "sandbox/stub/covers.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

namespace imgb::stub {
namespace {

constexpr std::uint64_t kHidden = kNothingSpecial | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;

void mask_place(Site& site, std::string_view path) {
  int place = site.tree().find(path);
  if (place < 0) {
    if (errno == ENOENT) return;
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

void mask_each(Site& site) {
  std::string_view folder = site.plan.text(), prefix = site.plan.text(), name = site.plan.text();
  for (std::uint64_t number = 0;; ++number) {
    Text one;
    one << folder << "/" << prefix << number;
    int there = site.tree().find(one.view());
    if (there < 0) return;
    ::close(there);
    one << "/" << name;
    mask_place(site, one.view());
  }
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
