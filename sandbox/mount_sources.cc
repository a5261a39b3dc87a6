#include "sandbox/mount_sources.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"

namespace imgb {
namespace {

Fd clone_tree(int place, bool recursive, std::string_view what) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? unsigned{AT_RECURSIVE} : 0u);
  Fd mount(::open_tree(place, "", flags));
  if (!mount) throw_errno("binding {}", what);
  return mount;
}

bool set_attributes(const Fd& mount, MountAttributes set, int user_namespace, bool recursive) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.propagation = MS_PRIVATE;  // what is mounted below is seen on one side alone
  if (user_namespace >= 0) {
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(user_namespace);
  }
  unsigned flags = AT_EMPTY_PATH | (recursive ? unsigned{AT_RECURSIVE} : 0u);
  return ::mount_setattr(mount.get(), "", flags, &attributes, sizeof attributes) == 0;
}

struct KnownDevice {
  std::string_view name;
  unsigned major, minor;
};
constexpr std::array kDevices = std::to_array<KnownDevice>(
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}});

Fd open_host(const char* path, int flags) {
  Fd fd(::open(path, flags | O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw_errno("opening {}", path);
  return fd;
}

class Opener {
 public:
  Opener(const std::vector<MountOp>& mounts, const StepSpec& spec, int user_namespace,
         std::vector<std::string>& warnings)
      : mounts_(mounts), spec_(spec), user_namespace_(user_namespace), warnings_(warnings) {}

  std::vector<Fd> open(const std::vector<MountSource>& sources) {
    std::vector<Fd> all;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      MountAttributes attributes = attributes_of(i);
      all.push_back(std::visit([&](const auto& from) { return open_one(from, attributes); }, sources[i]));
    }
    return all;
  }

 private:
  /// Attributes are set here, by who has the authority over the source's mount.
  MountAttributes attributes_of(std::size_t source) const {
    for (const MountOp& op : mounts_)
      if (const auto* tree = std::get_if<mount_op::Tree>(&op); tree && tree->source == source) return tree->attributes;
    for (const MountOp& op : mounts_)
      if (const auto* attach = std::get_if<mount_op::Attach>(&op); attach && attach->source == source)
        return attach->attributes;
    return 0;
  }

  Fd open_one(const source::Snapshots&, MountAttributes attributes) {
    return open_stored(*spec_.root.snapshots, attributes);
  }
  Fd open_one(const source::Tree&, MountAttributes attributes) {
    return open_stored(spec_.root.snapshots->open_dir(spec_.root.tree), attributes);
  }
  Fd open_stored(const Dir& folder, MountAttributes attributes) {
    Fd mount = clone_tree(folder.fd().get(), false, folder.name());
    if (set_attributes(mount, attributes, user_namespace_, false)) return mount;
    SystemError error(errno, fmt::format("idmapped mount of {}", folder.name()));
    error.set_hint("put the store on ext4, xfs, btrfs or tmpfs (Linux 6.3), or use --security=compat");
    throw error;
  }

  Fd open_one(const source::Device& device, MountAttributes attributes) {
    std::string path = "/dev/" + device.name;
    Fd place = open_host(path.c_str(), 0);
    struct stat info {};
    if (::fstat(place.get(), &info) < 0) throw_errno("looking at {}", path);
    for (const KnownDevice& known : kDevices) {
      if (known.name != device.name) continue;
      if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(known.major, known.minor)) break;
      Fd mount = clone_tree(place.get(), false, path);
      if (!set_attributes(mount, attributes, -1, false)) throw_errno("binding {}", path);
      return mount;
    }
    throw_error(ErrorKind::denied, "{} of this host is not the device of that name", path);
  }

  Fd open_one(const source::HostSys&, MountAttributes attributes) { return open_all("/sys", attributes); }
  Fd open_one(const source::HostDevices&, MountAttributes attributes) { return open_all("/dev", attributes); }

  /// With what is mounted below it: in a namespace whose mounts are locked together a part cannot be had.
  Fd open_all(const char* path, MountAttributes attributes) {
    Fd mount = clone_tree(open_host(path, O_DIRECTORY).get(), true, path);
    if (!set_attributes(mount, attributes, -1, true)) throw_errno("binding {}", path);
    return mount;
  }

  Fd open_one(const source::Bind& from, MountAttributes attributes) {
    const auto& bind = std::get<BindMount>(spec_.mounts.at(from.mount));
    const std::string& what = bind.target.str();
    Fd mount = clone_tree(bind.source_fd, bind.recursive, what);
    if (set_attributes(mount, attributes, user_namespace_, bind.recursive)) return mount;
    if (user_namespace_ < 0) throw_errno("binding {}", what);
    // A file system without idmapped mounts, or one that is idmapped already: owners show as nobody. It may be one that
    // is mounted below the source.
    if (!set_attributes(mount, attributes, -1, bind.recursive)) throw_errno("binding {}", what);
    bool below = bind.recursive && set_attributes(mount, 0, user_namespace_, false);
    warnings_.push_back(fmt::format("{}: {} takes no idmapped mounts, so owners show as nobody and cannot be set", what,
                                    below ? "a file system that is mounted below it" : "its file system"));
    return mount;
  }

  const std::vector<MountOp>& mounts_;
  const StepSpec& spec_;
  int user_namespace_;
  std::vector<std::string>& warnings_;
};

}  // namespace

bool takes_idmapped_mounts(const Dir& folder, int user_namespace) {
  return set_attributes(clone_tree(folder.fd().get(), false, folder.name()), 0, user_namespace, false);
}

std::vector<Fd> open_mount_sources(const std::vector<MountSource>& sources, const std::vector<MountOp>& mounts,
                                   const StepSpec& spec, int user_namespace, std::vector<std::string>& warnings) {
  return Opener(mounts, spec, user_namespace, warnings).open(sources);
}

}  // namespace imgb
