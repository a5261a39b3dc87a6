#include "sandbox/stub/mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <optional>

#include "sandbox/stub/overlay.h"

namespace imgb::stub {
namespace {

constexpr std::uint64_t kNothingSpecial = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::uint64_t kHidden = kNothingSpecial | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;

/// The base lies over "/" while the tree is built:
///   k  the ground               s  the snapshots folder     r  the root     b  bottom layers
///   e  empty                    u, w  writes to memory
///   f  files and sockets of ours, each bound to its place, and the folders of writable views
/// Every path here is relative to it or to an open folder.
class Builder {
 public:
  Builder(PlanReader& plan, const int* sources, std::size_t count, const Control& control)
      : plan_(plan), sources_(sources), source_count_(count), control_(control) {}

  Ground build_ground() {
    control_.check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
    make_base();
    tree_ = Tree(ground_.kernel, control_);
    apply_all();
    if (null_device_ >= 0) ::close(null_device_);
    return ground_;
  }

  void build_tree(const Ground& ground) {
    ground_ = ground;
    apply_all();
    if (plan_.flag())
      control_.check(set_attributes(root_mount_, MOUNT_ATTR_RDONLY, false), "making the root read-only");
    enter();
  }

 private:
  int new_file_system(const char* type, std::uint64_t attributes, const char* key = nullptr,
                      const char* value = nullptr) {
    int context = control_.check(::fsopen(type, FSOPEN_CLOEXEC), "opening file system", type);
    if (key) control_.check(::fsconfig(context, FSCONFIG_SET_STRING, key, value, 0), "setting up", type);
    control_.check(::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "making file system", type);
    int mount =
        control_.check(::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)), "mounting", type);
    ::close(context);
    return mount;
  }

  void make_base() {
    ground_.base = new_file_system("tmpfs", kNothingSpecial, "mode", "0755");
    int over = control_.check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /");
    control_.check(move_onto(ground_.base, over), "attaching a working folder");
    ::close(over);
    for (const char* name : {"k", "k/proc", "k/sys", "k/dev", "s", "r", "b", "e", "f", "u", "w"})
      control_.check(::mkdirat(ground_.base, name, 0755), "making a working folder");
    ground_.kernel = control_.check(::openat(ground_.base, "k", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening a folder");
  }

  void apply_all() {
    std::uint32_t count = plan_.number();
    for (std::uint32_t i = 0; i < count; ++i) apply(static_cast<Op>(plan_.number()));
  }

  void attach_at(int mount, int folder, const char* name) {
    control_.check(::move_mount(mount, "", folder, name, MOVE_MOUNT_F_EMPTY_PATH), "attaching", name);
  }

  int source() {
    std::size_t index = plan_.number();
    if (index >= source_count_) control_.fail(Failure::system, EBADMSG, "reading the plan");
    return sources_[index];
  }

  const Tree& tree() const { return *tree_; }

  /// A detached mount of a file or folder of the base alone.
  int take(const char* name, std::uint64_t attributes) {
    int place = control_.check(::openat(ground_.base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), "opening", name);
    int mount = control_.check(clone_mount(place, false), "binding", name);
    control_.check(set_attributes(mount, attributes, false), "binding", name);
    ::close(place);
    return mount;
  }

  void put(int mount, std::string_view target, Kind kind, Links links) {
    int place = tree().open_target(target, kind, links);
    control_.check(move_onto(mount, place), "mounting", target);
    ::close(place);
  }

  void put_own(int mount, std::string_view target, Kind kind, Links links) {
    put(mount, target, kind, links);
    ::close(mount);
  }

  const char* next_name() {
    name_.shorten(0);
    name_ << "f/" << numbered_++;
    return name_.c_str();
  }

  void apply(Op op) {
    switch (op) {
      case Op::overlay:
        return overlay();
      case Op::file_system:
        return file_system();
      case Op::attach:
        return attach();
      case Op::throw_away:
        return throw_away();
      case Op::file:
        return file();
      case Op::socket:
        return socket();
      case Op::mask:
        return mask(plan_.text());
      case Op::mask_each:
        return mask_each();
      case Op::read_only:
        return read_only();
      case Op::move:
        return move();
      case Op::symlink:
        return symlink();
      case Op::folder:
        return folder();
    }
    control_.fail(Failure::system, EBADMSG, "reading the plan");
  }

  void overlay() {
    attach_at(source(), ground_.base, "s");
    OverlayFolders folders;
    folders.upper = plan_.text();
    folders.work = plan_.text();
    std::uint64_t attributes = plan_.number();
    static std::string_view lower[kMaxLower];
    folders.lower = lower;
    folders.lower_count = plan_.number();
    if (folders.lower_count > kMaxLower) control_.fail(Failure::system, E2BIG, "mounting the overlay");
    for (std::size_t i = 0; i < folders.lower_count; ++i) lower[i] = plan_.text();
    if (folders.lower_count == 0) lower[folders.lower_count++] = "../e";
    if (folders.upper.empty()) {
      folders.upper = "../u";
      folders.work = "../w";
    }
    int snapshots =
        control_.check(::openat(ground_.base, "s", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the snapshots");
    control_.check(::fchdir(snapshots), "entering the snapshots");
    ::close(snapshots);
    root_mount_ = mount_overlay(folders, "../b", "../r", attributes, control_);
    tree_ = Tree(root_mount_, control_);
  }

  void file_system() {
    std::string_view target = plan_.text(), type = plan_.text();
    std::uint64_t attributes = plan_.number();
    bool optional = plan_.flag();
    Links links = plan_.flag() ? Links::follow : Links::refuse;
    int context = ::fsopen(type.data(), FSOPEN_CLOEXEC);
    if (context < 0 && !optional) control_.fail("opening file system", type);
    std::uint32_t count = plan_.number();
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string_view key = plan_.text(), value = plan_.text();
      if (context < 0 || ::fsconfig(context, FSCONFIG_SET_STRING, key.data(), value.data(), 0) == 0) continue;
      if (key != "gid") control_.fail("setting up file system", type);  // an id that is not mapped: root's group serves
    }
    if (context < 0) return;
    if (::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
      if (!optional) control_.fail("making file system", type);
      ::close(context);
      return;
    }
    int mount =
        control_.check(::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)), "mounting", type);
    ::close(context);
    put_own(mount, target, Kind::folder, links);
  }

  void attach() {
    std::string_view target = plan_.text();
    int mount = source();
    Kind kind = plan_.flag() ? Kind::folder : Kind::file;
    Links links = plan_.flag() ? Links::follow : Links::refuse;
    bool in_ground = root_mount_ < 0;
    if (in_ground && kind == Kind::file) return attach_new_file(target, mount);
    put(mount, target, kind, links);
  }

  /// Nothing of the image is in the ground: the target is made without looking.
  void attach_new_file(std::string_view target, int mount) {
    int folder = open_parent(target);
    const char* name = target.data() + target.rfind('/') + 1;
    control_.check(::mknodat(folder, name, S_IFREG | 0644, 0), "making mount target", target);
    attach_at(mount, folder, name);
    ::close(folder);
  }

  int open_parent(std::string_view path) {
    Text parent;
    parent << path.substr(0, path.rfind('/'));
    return control_.check(tree().find(parent.view()), "opening", parent.view());
  }

  void move() {
    std::string_view path = plan_.text();
    int mount = open_below(ground_.kernel, path.data() + 1, O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
    control_.check(mount, "opening", path);
    put(mount, path, Kind::folder, Links::refuse);
    ::close(mount);
  }

  void throw_away() {
    std::string_view target = plan_.text();
    int mount = source();
    if (!plan_.flag()) return throw_away_file(target, mount);
    Text work;
    work << next_name();
    control_.check(::mkdirat(ground_.base, work.c_str(), 0755), "making a working folder");
    int here =
        control_.check(::openat(ground_.base, work.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening a folder");
    for (const char* name : {"l", "u", "w", "m"})
      control_.check(::mkdirat(here, name, 0755), "making a working folder");
    attach_at(mount, here, "l");
    copy_owner(here);
    control_.check(::fchdir(here), "entering a folder");
    ::close(here);
    std::string_view lower = "l";
    OverlayFolders folders{.upper = "u", .work = "w", .lower = &lower, .lower_count = 1, .user_xattrs = true};
    put_own(mount_overlay(folders, "l", "m", kNothingSpecial, control_), target, Kind::folder, Links::follow);
  }

  /// The view's top folder is the upper one's: it takes mode and owner of the source.
  void copy_owner(int here) {
    struct stat info {};
    control_.check(::fstatat(here, "l", &info, 0), "looking at a mount's source");
    ::fchownat(here, "u", info.st_uid, info.st_gid, 0);  // an owner that is not mapped stays root
    ::fchmodat(here, "u", info.st_mode & 07777, 0);
  }

  void throw_away_file(std::string_view target, int mount) {
    const char* name = next_name();
    struct stat info {};
    control_.check(::fstat(mount, &info), "looking at a mount's source");
    int copy =
        control_.check(::openat(ground_.base, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600), "copying", target);
    put_file_content(mount, copy, target);
    ::fchown(copy, info.st_uid, info.st_gid);
    control_.check(::fchmod(copy, info.st_mode & 0777), "copying", target);
    ::close(copy);
    put_own(take(name, kNothingSpecial), target, Kind::file, Links::follow);
  }

  void put_file_content(int from_mount, int copy, std::string_view target) {
    // The mount is an O_PATH descriptor; attached over a file of the base it can be opened for reading.
    int place = control_.check(::openat(ground_.base, "f/c", O_CREAT | O_RDONLY | O_CLOEXEC, 0600), "copying", target);
    ::close(place);
    attach_at(from_mount, ground_.base, "f/c");
    int from = control_.check(::openat(ground_.base, "f/c", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), "reading",
                              target);
    for (;;) {
      static char bytes[65536];
      ssize_t size = ::read(from, bytes, sizeof bytes);
      if (size < 0) control_.fail("reading", target);
      if (size == 0) break;
      if (::write(copy, bytes, static_cast<std::size_t>(size)) != size) control_.fail("copying", target);
    }
    ::close(from);
    control_.check(::fchdir(ground_.base), "entering a folder");
    control_.check(::umount2("f/c", MNT_DETACH), "detaching", target);
  }

  void file() {
    std::string_view target = plan_.text();
    unsigned mode = plan_.number(), uid = plan_.number(), gid = plan_.number();
    std::uint64_t attributes = plan_.number();
    std::string_view content = plan_.text();
    const char* name = next_name();
    int made =
        control_.check(::openat(ground_.base, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600), "writing", target);
    while (!content.empty()) {
      ssize_t size = ::write(made, content.data(), content.size());
      if (size < 0) control_.fail("writing", target);
      content.remove_prefix(static_cast<std::size_t>(size));
    }
    control_.check(::fchown(made, uid, gid), "giving an owner to", target);
    control_.check(::fchmod(made, mode), "setting the mode of", target);
    ::close(made);
    put_own(take(name, attributes), target, Kind::file, Links::follow);
  }

  void socket() {
    std::string_view target = plan_.text();
    unsigned mode = plan_.number(), uid = plan_.number(), gid = plan_.number();
    std::uint32_t relay = plan_.number();
    const char* name = next_name();
    int listening = control_.check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "making a socket for", target);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    for (std::size_t i = 0; name[i]; ++i) address.sun_path[i] = name[i];
    control_.check(::fchdir(ground_.base), "entering a folder");
    control_.check(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), "binding", target);
    control_.check(::fchownat(ground_.base, name, uid, gid, AT_SYMLINK_NOFOLLOW), "giving an owner to", target);
    control_.check(::fchmodat(ground_.base, name, mode, 0), "setting the mode of", target);
    control_.check(::listen(listening, 16), "listening at", target);
    put_own(take(name, kNothingSpecial), target, Kind::file, Links::follow);
    control_.report(Report::socket, {reinterpret_cast<const char*>(&relay), sizeof relay}, listening);
    ::close(listening);
  }

  /// The null device that covers masked files is the one we put there; the image has no say in it (V76).
  int null_device() {
    if (null_device_ >= 0) return null_device_;
    null_device_ = control_.check(tree().find("/dev/null"), "opening /dev/null");
    struct stat info {};
    control_.check(::fstat(null_device_, &info), "looking at /dev/null");
    if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3))
      control_.fail(Failure::bad_target, EINVAL, "masking: /dev/null is not the null device");
    return null_device_;
  }

  void mask(std::string_view path) {
    int place = tree().find(path);
    if (place < 0) {
      if (errno == ENOENT) return;
      control_.fail(Failure::bad_target, errno, "masking", path);
    }
    struct stat info {};
    control_.check(::fstat(place, &info), "masking", path);
    int cover;
    if (S_ISDIR(info.st_mode)) {
      cover = take("e", kHidden);
    } else {
      cover = control_.check(clone_mount(null_device(), false), "masking", path);
    }
    control_.check(move_onto(cover, place), "masking", path);
    ::close(cover);
    ::close(place);
  }

  void mask_each() {
    std::string_view folder = plan_.text(), prefix = plan_.text(), name = plan_.text();
    for (std::uint64_t number = 0;; ++number) {
      Text one;
      one << folder << "/" << prefix << number;
      int there = tree().find(one.view());
      if (there < 0) return;
      ::close(there);
      one << "/" << name;
      mask(one.view());
    }
  }

  void read_only() {
    std::string_view path = plan_.text();
    int place = tree().find(path);
    if (place < 0) {
      if (errno == ENOENT) return;
      control_.fail(Failure::bad_target, errno, "making read-only", path);
    }
    int copy = control_.check(clone_mount(place, true), "making read-only", path);
    control_.check(set_attributes(copy, MOUNT_ATTR_RDONLY, true), "making read-only", path);
    control_.check(move_onto(copy, place), "making read-only", path);
    ::close(copy);
    ::close(place);
  }

  /// In the ground only (/dev): nothing of the image is there.
  void symlink() {
    std::string_view path = plan_.text(), text = plan_.text();
    int folder = open_parent(path);
    control_.check(::symlinkat(text.data(), folder, path.data() + path.rfind('/') + 1), "linking", path);
    ::close(folder);
  }

  void folder() {
    std::string_view path = plan_.text();
    Owner owner;
    owner.mode = plan_.number();
    owner.uid = plan_.number();
    owner.gid = plan_.number();
    ::close(tree().open_target(path, Kind::folder, Links::follow, &owner));
  }

  void enter() {
    int host = control_.check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /");
    control_.check(::fchdir(root_mount_), "entering the root");
    control_.check(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "pivot_root");
    control_.check(::fchdir(host), "leaving the host's root");
    ::close(host);
    // umount acts on what lies on top of the host's root: the working folder first, then the root itself.
    control_.check(::umount2(".", MNT_DETACH), "detaching the working folder");
    control_.check(::umount2(".", MNT_DETACH), "detaching the host's root");
    control_.check(::chdir("/"), "entering the root");
  }

  PlanReader& plan_;
  const int* sources_;
  std::size_t source_count_;
  const Control& control_;
  Ground ground_;
  int root_mount_ = -1, null_device_ = -1;
  std::optional<Tree> tree_;  ///< Where targets are.
  Text name_;
  std::uint64_t numbered_ = 0;
};

}  // namespace

Ground build_ground(PlanReader& plan, const int* sources, std::size_t source_count, const Control& control) {
  return Builder(plan, sources, source_count, control).build_ground();
}

void build_tree(const Ground& ground, PlanReader& plan, const int* sources, std::size_t source_count,
                const Control& control) {
  Builder(plan, sources, source_count, control).build_tree(ground);
}

}  // namespace imgb::stub
