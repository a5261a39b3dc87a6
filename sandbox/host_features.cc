#include "sandbox/host_features.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <functional>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "sandbox/cgroup.h"
#include "sandbox/host_labels.h"
#include "sandbox/isolation.h"
#include "sandbox/launch.h"
#include "sandbox/network.h"
#include "sandbox/rootless.h"
#include "sandbox/seccomp.h"
#include "sandbox/spawner.h"

namespace imgb {
namespace {

using State = HostFeature::State;

/// Folders for a world that never runs anything, removed with the object.
class Ground {
 public:
  explicit Ground(const Dir& store) : store_(store.duplicate()) {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_errno("random numbers");
    name_ = fmt::format("doctor-{:016x}", number);
    store_.make_dir(name_, 0700);
    dir_ = store_.open_dir(name_);
    for (const char* name : {"l", "u", "w"}) dir_.make_dir(name, 0755);
  }
  Ground(const Ground&) = delete;
  ~Ground() {
    try {
      store_.remove_tree(name_);
    } catch (const std::exception&) {
      // Left behind in the store: nothing refers to it, prune takes it.
    }
  }
  const Dir& dir() const { return dir_; }

 private:
  Dir store_, dir_;
  std::string name_;
};

/// Sets up a whole world over the store's file system and asks it for a program that is not there: that error means
/// that everything before it worked.
HostFeature try_world(const Dir& store, std::string name, Security security, NetworkMode network,
                      const std::shared_ptr<HostIsolation>& isolation) {
  HostFeature feature{std::move(name), State::no, {}, {}};
  Sandbox sandbox({.isolation = isolation});
  try {
    Ground ground(store);
    StepSpec spec;
    spec.root = {.snapshots = &ground.dir(), .lower = {"l"}, .upper = "u", .work = "w"};
    if (isolation->choice().form == SnapshotForm::trees)
      spec.root = {.snapshots = &ground.dir(), .work = "w", .tree = "u"};
    spec.argv = {"/nothing"};
    spec.security = security;
    spec.network = network;
    spec.resolv_conf = "";
    sandbox.start(spec, {});
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found) {
      std::vector<std::string> warnings = sandbox.take_warnings();
      std::erase(warnings, isolation->choice().why);  // has a line of its own
      if (warnings.empty()) return {feature.name, State::yes, "works", {}};
      return {feature.name, State::degraded, join(warnings, "; "), {}};
    }
    feature.detail = e.what();
    feature.remedy = e.hint();
  }
  return feature;
}

/// What --isolation=auto comes to here, and why.
HostFeature isolation_of(HostIsolation& isolation) {
  HostFeature feature{"isolation", State::no, {}, {}};
  try {
    const IsolationChoice& choice = isolation.choice();
    feature.state = choice.why.empty() ? State::yes : State::degraded;
    feature.detail = choice.chroot                         ? "chroot"
                     : choice.form == SnapshotForm::layers ? "namespaces, overlays"
                                                           : "namespaces, whole trees";
    if (!choice.why.empty()) feature.detail += ": " + choice.why;
    if (choice.chroot)
      feature.remedy =
          "for namespaces run imgb on a host, or give its container CAP_SYS_ADMIN and no seccomp filter (docker run "
          "--privileged)";
    else if (choice.form == SnapshotForm::trees)
      feature.remedy = "put the store (--root) on ext4, xfs, btrfs or tmpfs: in a container on a volume";
  } catch (const Error& e) {
    feature.detail = e.what();
    feature.remedy = e.hint();
  }
  return feature;
}

HostFeature kernel() {
  utsname name{};
  ::uname(&name);
  unsigned major = 0, minor = 0;
  auto parts = split(name.release, '.');
  if (parts.size() >= 2) {
    major = static_cast<unsigned>(find_unsigned(parts[0]).value_or(0));
    minor =
        static_cast<unsigned>(find_unsigned(parts[1].substr(0, parts[1].find_first_not_of("0123456789"))).value_or(0));
  }
  bool enough = major > 5 || (major == 5 && minor >= 19);
  return {"kernel", enough ? State::yes : State::no, fmt::format("Linux {}", name.release),
          enough ? "" : "Linux 5.19 or newer is needed for overlays over idmapped mounts; older ones run compat steps"};
}

HostFeature seccomp() {
  std::uint32_t action = SECCOMP_RET_ERRNO;
  bool there = ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  return {"seccomp", there ? State::yes : State::no, there ? "filters" : "no filters",
          there ? "" : "a kernel with CONFIG_SECCOMP_FILTER is needed"};
}

HostFeature landlock() {
  long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version > 0) return {"landlock", State::yes, fmt::format("version {}", version), {}};
  return {"landlock", State::degraded, "off",
          "layers are unpacked without it; boot with lsm=landlock,... on kernels that have it"};
}

HostFeature cgroups() {
  CgroupPlaces places = find_cgroup_places();
  std::vector<std::string> found;
  for (const auto& [controller, folder] : places.v1) found.push_back(controller);
  std::string detail = found.empty() ? "" : "v1: " + join(found, " ");
  if (places.v2) {
    std::string controllers;
    try {
      controllers = trim(Dir::open_host(places.v2_root).read_file("cgroup.controllers", 4096));
    } catch (const SystemError&) {
      controllers = "unreadable";
    }
    detail += fmt::format("{}v2: {}", detail.empty() ? "" : "; ", controllers.empty() ? "no controllers" : controllers);
  }
  try {
    Cgroup::create(places, {.memory_bytes = 64 << 20, .pids = 100, .cpus = 1});
    return {"cgroup limits", State::yes, detail, {}};
  } catch (const Error& e) {
    return {"cgroup limits", State::degraded, detail, e.hint()};
  }
}

HostFeature id_helpers() {
  bool there = find_program("newuidmap") && find_program("newgidmap");
  if (::geteuid() == 0 && !is_rootless())
    return {"newuidmap", there ? State::yes : State::degraded, there ? "for builds of ordinary users" : "not installed",
            there ? "" : "for builds of ordinary users install the package uidmap"};
  auto warning = rootless_warning();
  return {"newuidmap", warning ? State::degraded : State::yes, warning ? "single id" : "id ranges",
          warning.value_or("")};
}

HostFeature network_helpers() {
  std::vector<std::string> found;
  for (NetworkHelper helper : {NetworkHelper::slirp4netns, NetworkHelper::pasta})
    if (auto path = find_program(name_of(helper))) found.push_back(*path);
  if (!found.empty()) return {"network helper", State::yes, join(found, ", "), {}};
  return {"network helper", State::degraded, "neither slirp4netns nor pasta is installed",
          "for private networks install the package slirp4netns"};
}

HostFeature labels() {
  std::string apparmor = find_apparmor_profile(), selinux = find_selinux_label();
  if (!apparmor.empty()) return {"apparmor", State::yes, "profile " + apparmor, {}};
  if (!selinux.empty()) return {"selinux", State::yes, "label " + selinux, {}};
  return {"apparmor, selinux", State::degraded, "no profile or label for containers", {}};
}

}  // namespace

std::vector<HostFeature> probe_host(const Dir& store) {
  auto isolation = std::make_shared<HostIsolation>(Isolation::automatic, store.duplicate());
  std::vector<HostFeature> features = {kernel(), seccomp(), landlock(), cgroups(), isolation_of(*isolation)};
  if (features.back().state == State::no) return features;
  features.push_back(try_world(store, "sandbox", Security::standard, NetworkMode::none, isolation));
  if (isolation->choice().chroot) return features;
  if (::geteuid() == 0 && !is_rootless()) {
    auto compat = try_world(store, "sandbox, --security=compat", Security::compat, NetworkMode::none, isolation);
    features.push_back(std::move(compat));
  }
  features.push_back(try_world(store, "private network", Security::standard, NetworkMode::isolated, isolation));
  features.push_back(network_helpers());
  features.push_back(id_helpers());
  features.push_back(labels());
  return features;
}

}  // namespace imgb
