#include "sandbox/stub/overlay.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace imgb::stub {
namespace {

constexpr std::size_t kMaxLowerAtOnce = 500;  ///< OVL_MAX_STACK
constexpr std::size_t kMaxOptionBytes = 3600, kMaxPageBytes = 4096;

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

/// All options in one page of text. False: they do not fit, or the kernel refuses (errno) without saying why.
bool mount_in_one_call(const OverlayFolders& folders, const char* place, std::uint64_t attributes) {
  Text options;
  options << (folders.user_xattrs ? "userxattr" : "index=off");
  if (!folders.upper.empty()) options << ",volatile,upperdir=" << folders.upper << ",workdir=" << folders.work;
  options << ",lowerdir=";
  for (std::size_t i = 0; i < folders.lower_count; ++i) options << (i ? ":" : "") << folders.lower[i];
  errno = E2BIG;
  if (options.view().size() >= kMaxPageBytes) return false;
  unsigned long flags =
      (attributes & MOUNT_ATTR_NODEV ? MS_NODEV : 0) | (attributes & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0);
  return ::mount("overlay", place, "overlay", flags, options.c_str()) == 0;
}

/// From Linux 6.7 on each lower folder is an option of its own, so that there is room for all, and failures have words.
void mount_in_steps(const OverlayFolders& folders, const char* place, std::uint64_t attributes,
                    const Control& control) {
  int first_error = errno;
  int context = control.check(::fsopen("overlay", FSOPEN_CLOEXEC), "opening overlayfs");
  for (std::size_t i = 0; i < folders.lower_count; ++i) {
    if (set(context, "lowerdir+", folders.lower[i])) continue;
    if (i == 0 && errno == EINVAL) control.fail(Failure::system, first_error, "mounting the overlay");
    fail_overlay(context, control, "adding a lower folder to the overlay");
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
  control.check(::move_mount(mount, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH), "attaching the overlay");
  ::close(mount);
}

void mount_once(const OverlayFolders& folders, const char* place, std::uint64_t attributes, const Control& control) {
  if (!mount_in_one_call(folders, place, attributes)) mount_in_steps(folders, place, attributes, control);
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

int mount_overlay(const OverlayFolders& folders, const char* bottom, const char* place, std::uint64_t attributes,
                  const Control& control) {
  std::size_t count = fitting(folders);
  OverlayFolders top = folders;
  static std::string_view upper_part[kMaxLowerAtOnce];
  // Nothing lies below the bottom part, so merging it hides no whiteout that the upper part would need.
  OverlayFolders lowest{
      .lower = folders.lower + count, .lower_count = folders.lower_count - count, .user_xattrs = folders.user_xattrs};
  if (lowest.lower_count > kMaxLowerAtOnce)
    control.fail(Failure::system, E2BIG, "mounting the overlay: more layers than this kernel can stack");
  if (lowest.lower_count > 1) {
    mount_once(lowest, bottom, 0, control);
    std::memcpy(upper_part, folders.lower, count * sizeof(std::string_view));
    upper_part[count] = bottom;
    top.lower = upper_part;
    top.lower_count = count + 1;
  }
  mount_once(top, place, attributes, control);
  return control.check(::open(place, O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the overlay");
}

}  // namespace imgb::stub
