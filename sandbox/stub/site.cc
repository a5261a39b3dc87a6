#include "sandbox/stub/site.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cerrno>

namespace imgb::stub {
namespace {

int new_memory_file_system(const Control& control) {
  int context = control.check(::fsopen("tmpfs", FSOPEN_CLOEXEC), "opening file system tmpfs");
  control.check(::fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0), "setting up tmpfs");
  control.check(::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "making file system tmpfs");
  int mount = control.check(::fsmount(context, FSMOUNT_CLOEXEC, kNothingSpecial), "mounting tmpfs");
  ::close(context);
  return mount;
}

}  // namespace

Site::~Site() {
  if (null_device_ >= 0) ::close(null_device_);
}

int Site::next_source() {
  std::size_t index = plan.number();
  if (index >= source_count_) control.fail(Failure::system, EBADMSG, "reading the plan");
  return sources_[index];
}

Ground Site::make_ground() {
  ground_.base = new_memory_file_system(control);
  int over = control.check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /");
  control.check(move_onto(ground_.base, over), "attaching a working folder");
  ::close(over);
  for (const char* name : {"k", "k/proc", "k/sys", "k/dev", "s", "r", "b", "e", "f", "u", "w"})
    control.check(::mkdirat(ground_.base, name, 0755), "making a working folder");
  ground_.kernel = control.check(::openat(ground_.base, "k", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening a folder");
  tree_ = Tree(ground_.kernel, control);
  return ground_;
}

void Site::set_root(int mount) {
  root_mount_ = mount;
  tree_ = Tree(mount, control);
}

const char* Site::next_name() {
  name_.shorten(0);
  name_ << "f/" << numbered_++;
  return name_.c_str();
}

int Site::take(const char* name, std::uint64_t attributes) {
  int place = control.check(::openat(ground_.base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), "opening", name);
  int mount = control.check(clone_mount(place, false), "binding", name);
  control.check(set_attributes(mount, attributes, false), "binding", name);
  ::close(place);
  return mount;
}

void Site::put(int mount, std::string_view target, Kind kind, Links links) {
  int place = tree().open_target(target, kind, links);
  control.check(move_onto(mount, place), "mounting", target);
  ::close(place);
}

void Site::put_own(int mount, std::string_view target, Kind kind, Links links) {
  put(mount, target, kind, links);
  ::close(mount);
}

void Site::attach_at(int mount, int folder, const char* name) {
  control.check(::move_mount(mount, "", folder, name, MOVE_MOUNT_F_EMPTY_PATH), "attaching", name);
}

int Site::open_parent(std::string_view path) {
  Text parent;
  parent << path.substr(0, path.rfind('/'));
  return control.check(tree().find(parent.view()), "opening", parent.view());
}

int Site::null_device() {
  if (null_device_ >= 0) return null_device_;
  null_device_ = control.check(tree().find("/dev/null"), "opening /dev/null");
  struct stat info {};
  control.check(::fstat(null_device_, &info), "looking at /dev/null");
  if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3))
    control.fail(Failure::bad_target, EINVAL, "masking: /dev/null is not the null device");
  return null_device_;
}

}  // namespace imgb::stub
