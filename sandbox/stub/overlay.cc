#include "sandbox/stub/overlay.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace imgb::stub {
namespace {

constexpr std::size_t kMaxLowerAtOnce = 500;  ///< OVL_MAX_STACK
constexpr std::size_t kMaxOptionBytes = 3600;

bool set(int context, const char* key, std::string_view value) {
  Text text;
  text << value;
  return ::fsconfig(context, FSCONFIG_SET_STRING, key, text.c_str(), 0) == 0;
}

/// The kernel's own words about a failed fsconfig, where it left some.
void add_log(int context, Text& text) {
  char line[256];
  ssize_t size = ::read(context, line, sizeof line);
  if (size > 2) text << " (" << std::string_view(line + 2, static_cast<std::size_t>(size) - 2) << ")";
}

[[noreturn]] void fail_overlay(int context, const Control& control, std::string_view what) {
  int error = errno;
  Text text;
  text << what;
  add_log(context, text);
  control.fail(Failure::system, error, text.view());
}

/// From Linux 6.7 on each lower folder is an option of its own. False: this kernel has no such option.
bool add_lower_one_by_one(int context, const OverlayFolders& folders, const Control& control) {
  for (std::size_t i = 0; i < folders.lower_count; ++i) {
    if (set(context, "lowerdir+", folders.lower[i])) continue;
    if (i == 0 && errno == EINVAL) return false;
    fail_overlay(context, control, "adding a lower folder to the overlay");
  }
  return true;
}

int mount_new_way(const OverlayFolders& folders, std::uint64_t attributes, const Control& control) {
  int context = control.check(::fsopen("overlay", FSOPEN_CLOEXEC), "opening overlayfs");
  if (!add_lower_one_by_one(context, folders, control)) {
    ::close(context);
    return -1;
  }
  bool ok = !folders.user_xattrs || ::fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) == 0;
  if (!folders.upper.empty())
    ok = ok && set(context, "upperdir", folders.upper) && set(context, "workdir", folders.work) &&
         ::fsconfig(context, FSCONFIG_SET_FLAG, "volatile", nullptr, 0) == 0;
  if (!ok || ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    fail_overlay(context, control, "mounting the overlay");
  int mount = ::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
  if (mount < 0) fail_overlay(context, control, "mounting the overlay");
  ::close(context);
  return mount;
}

/// All options in one page of text, for older kernels. `place` is mounted over and taken off again as a detached mount.
int mount_old_way(const OverlayFolders& folders, const char* place, std::uint64_t attributes, const Control& control) {
  Text options;
  options << (folders.user_xattrs ? "userxattr" : "index=off");
  if (!folders.upper.empty()) options << ",volatile,upperdir=" << folders.upper << ",workdir=" << folders.work;
  options << ",lowerdir=";
  for (std::size_t i = 0; i < folders.lower_count; ++i) options << (i ? ":" : "") << folders.lower[i];
  control.check(::mount("overlay", place, "overlay", 0, options.c_str()), "mounting the overlay");
  int mounted = control.check(::open(place, O_PATH | O_CLOEXEC), "opening the overlay");
  int mount = control.check(clone_mount(mounted, false), "detaching the overlay");
  control.check(set_attributes(mount, attributes, false), "setting attributes of the overlay");
  ::close(mounted);
  control.check(::umount2(place, MNT_DETACH), "detaching the overlay");
  return mount;
}

int mount_once(const OverlayFolders& folders, const char* place, std::uint64_t attributes, const Control& control) {
  int mount = mount_new_way(folders, attributes, control);
  return mount >= 0 ? mount : mount_old_way(folders, place, attributes, control);
}

/// How many of the upper lower-folders fit into one mount, next to one more for the rest.
std::size_t fitting(const OverlayFolders& folders) {
  std::size_t bytes = folders.upper.size() + folders.work.size(), count = 0;
  while (count < folders.lower_count && count < kMaxLowerAtOnce - 1) {
    bytes += folders.lower[count].size() + 1;
    if (bytes > kMaxOptionBytes) break;
    ++count;
  }
  return count;
}

}  // namespace

int mount_overlay(const OverlayFolders& folders, const char* bottom, std::uint64_t attributes, const Control& control) {
  std::size_t count = fitting(folders);
  if (count == folders.lower_count) return mount_once(folders, bottom, attributes, control);

  // Nothing lies below the bottom part, so merging it hides no whiteout that the upper part would need.
  OverlayFolders lowest{
      .lower = folders.lower + count, .lower_count = folders.lower_count - count, .user_xattrs = folders.user_xattrs};
  if (lowest.lower_count > kMaxLowerAtOnce)
    control.fail(Failure::system, E2BIG, "mounting the overlay: more layers than this kernel can stack");
  static std::string_view upper_part[kMaxLowerAtOnce];
  std::size_t upper_count = count;
  if (lowest.lower_count > 1) {
    int merged = mount_once(lowest, bottom, 0, control);
    int place = control.check(::open(bottom, O_PATH | O_CLOEXEC), "opening", bottom);
    control.check(move_onto(merged, place), "attaching the bottom layers");
    ::close(place);
    std::memcpy(upper_part, folders.lower, count * sizeof *upper_part);
    upper_part[upper_count++] = bottom;
  } else {
    std::memcpy(upper_part, folders.lower, folders.lower_count * sizeof *upper_part);
    upper_count = folders.lower_count;
  }
  OverlayFolders top = folders;
  top.lower = upper_part;
  top.lower_count = upper_count;
  return mount_once(top, "../r", attributes, control);
}

}  // namespace imgb::stub
