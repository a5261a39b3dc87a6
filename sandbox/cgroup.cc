#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/device_program.h"
#include "sandbox/procfs.h"
#include "sandbox/step.h"

namespace imgb {
namespace {

constexpr unsigned kCpuPeriod = 100'000;  // microseconds

void write_knob(const Dir& dir, std::string_view name, std::string_view text) {
  write_all(dir.open_file(name, O_WRONLY), text, name);
}

bool has_word(std::string_view text, std::string_view word) {
  for (std::string_view one : split(trim(text), ' '))
    if (one == word) return true;
  return false;
}

/// The value of "key number" in a cgroup's file; 0 when it is not there.
std::uint64_t number_in(const Dir& dir, std::string_view file, std::string_view key) {
  auto text = dir.find_content(file, 1 << 16);
  if (!text) return 0;
  for (std::string_view line : split(*text, '\n')) {
    auto parts = split(line, ' ');
    if (parts.size() == 2 && parts[0] == key) return find_unsigned(parts[1]).value_or(0);
  }
  return 0;
}

std::uint64_t oom_kills_in(std::string_view controller, const Dir& dir) {
  return controller.empty() ? number_in(dir, "memory.events", "oom_kill")
                            : number_in(dir, "memory.oom_control", "oom_kill");
}

CgroupName next_name() {
  std::uint64_t number = 0;  // names must differ within the process, whoever makes them
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_errno("random numbers");
  pid_t self = ::getpid();
  return {self, Procfs::open().find_start_time(self).value_or(0), number};
}

std::string cpu_quota(double cpus) {
  return std::to_string(std::max<std::int64_t>(1000, std::llround(cpus * kCpuPeriod)));
}

std::string pids_text(std::uint64_t pids) { return pids == kUnlimited ? "max" : std::to_string(pids); }

/// Does what the user did not ask for by name: where the host refuses that, it is not done. False: refused.
template <class Body>
bool attempt(const Cgroup::Wants& wants, Body body) {
  try {
    body();
    return true;
  } catch (const SystemError&) {
    if (wants.required) throw;
    return false;
  }
}

/// security.md 3.5, in the words of the version 1 controller.
bool forbid_devices(const Dir& dir, const Cgroup::Wants& wants) {
  return attempt(wants, [&] {
    write_knob(dir, "devices.deny", "a");
    for (const char* rule : {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
                             "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"})
      write_knob(dir, "devices.allow", rule);
  });
}

Fd forbid_devices_v2(const Dir& dir, const Cgroup::Wants& wants) {
  Fd program;
  attempt(wants, [&] { program = attach_device_program(dir.fd()); });
  return program;
}

std::vector<std::string> controllers_for(const Cgroup::Wants& wants) {
  std::vector<std::string> controllers;
  if (wants.memory_bytes) controllers.push_back("memory");
  if (wants.cpus) controllers.push_back("cpu");
  if (wants.pids) controllers.push_back("pids");
  return controllers;
}

[[noreturn]] void throw_no_controller(std::string_view controller) {
  Error error(ErrorKind::unsupported, fmt::format("this host gives no {} cgroup controller to imgb", controller));
  error.set_hint(
      "as an ordinary user: systemd-run --user --scope -p Delegate=yes imgb ...; in a container: mount its "
      "cgroup tree writable");
  throw error;
}

/// Makes the parts of one cgroup in the trees that have the controllers asked for.
class Maker {
 public:
  Maker(const CgroupPlaces& places, const Cgroup::Wants& wants) : places_(places), wants_(wants), name_(next_name()) {}

  struct Made {
    std::string controller;  ///< "" for the version 2 tree.
    std::filesystem::path path;
    Dir dir;
  };

  std::optional<Made> controller(const std::string& controller) {
    auto place = places_.v1.find(controller);
    if (place == places_.v1.end()) return std::nullopt;
    return make(controller, place->second);
  }

  /// A folder of the version 2 tree that has all the controllers; root puts it at the top, where processes of imgb's
  /// own cgroup are not in the way.
  std::optional<Made> unified(const std::vector<std::string>& controllers) {
    if (!places_.v2) return std::nullopt;
    for (const std::filesystem::path& parent : {places_.v2_root, *places_.v2}) {
      try {
        Dir dir = Dir::open_host(parent);
        std::string available = dir.read_file("cgroup.controllers", 4096);
        std::string enabled = dir.find_content("cgroup.subtree_control", 4096).value_or("");
        bool all = true;
        for (const std::string& one : controllers) {
          all = all && has_word(available, one);
          if (all && !has_word(enabled, one)) write_knob(dir, "cgroup.subtree_control", "+" + one);
        }
        if (all)
          if (auto made = make("", parent)) return made;
      } catch (const SystemError&) {
        continue;  // not ours to write: the next place, or none
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Made> make(const std::string& controller, const std::filesystem::path& parent) {
    try {
      Dir above = Dir::open_host(parent);
      std::string name = render_cgroup_name(name_);
      above.make_dir(name, 0755);
      return Made{controller, parent / name, above.open_dir(name)};
    } catch (const SystemError&) {
      return std::nullopt;  // not ours to write
    }
  }

  const CgroupPlaces& places_;
  const Cgroup::Wants& wants_;
  CgroupName name_;
};

void set_limits_v1(const std::string& controller, const Dir& dir, const Cgroup::Wants& wants) {
  if (controller == "memory") {
    write_knob(dir, "memory.limit_in_bytes", std::to_string(*wants.memory_bytes));
    if (dir.find_stat("memory.memsw.limit_in_bytes"))
      write_knob(dir, "memory.memsw.limit_in_bytes", std::to_string(*wants.memory_bytes));
  } else if (controller == "cpu") {
    write_knob(dir, "cpu.cfs_period_us", std::to_string(kCpuPeriod));
    write_knob(dir, "cpu.cfs_quota_us", cpu_quota(*wants.cpus));
  } else if (controller == "pids") {
    write_knob(dir, "pids.max", pids_text(*wants.pids));
  }
}

void set_limits_v2(const Dir& dir, const Cgroup::Wants& wants, const std::vector<std::string>& controllers) {
  for (const std::string& controller : controllers) {
    if (controller == "memory") {
      write_knob(dir, "memory.max", std::to_string(*wants.memory_bytes));
      if (dir.find_stat("memory.swap.max")) write_knob(dir, "memory.swap.max", "0");
    } else if (controller == "cpu") {
      write_knob(dir, "cpu.max", fmt::format("{} {}", cpu_quota(*wants.cpus), kCpuPeriod));
    } else {
      write_knob(dir, "pids.max", pids_text(*wants.pids));
    }
  }
}

}  // namespace

Cgroup::Part& Cgroup::keep(std::string controller, Part part) {
  return parts_.emplace(std::move(controller), std::move(part)).first->second;
}

std::unique_ptr<Cgroup> Cgroup::create(const CgroupPlaces& places, const Wants& wants) {
  std::unique_ptr<Cgroup> cgroup(new Cgroup);
  Maker maker(places, wants);
  std::vector<std::string> in_v2;
  for (const std::string& controller : controllers_for(wants)) {
    if (auto made = maker.controller(controller)) {
      Part& part = cgroup->keep(controller, {std::move(made->dir), std::move(made->path)});
      set_limits_v1(controller, part.dir, wants);
    } else {
      in_v2.push_back(controller);
    }
  }
  if (wants.no_devices) {
    if (auto made = maker.controller("devices")) {
      if (forbid_devices(made->dir, wants))
        cgroup->keep("devices", {std::move(made->dir), std::move(made->path)});
      else
        ::rmdir(made->path.c_str());
    }
  }
  bool devices_in_v2 = wants.no_devices && !cgroup->holds_devices();
  cgroup->limits_processes_ = cgroup->parts_.contains("pids");
  if (in_v2.empty() && !devices_in_v2) return cgroup->parts_.empty() ? nullptr : std::move(cgroup);

  auto made = maker.unified(in_v2);
  if (!made && wants.required) throw_no_controller(in_v2.empty() ? "devices" : in_v2.front());
  bool limits = made.has_value();
  if (!made && devices_in_v2) made = maker.unified({});
  if (made) {
    // Kept before anything is refused: it goes when this does.
    Part& part = cgroup->keep("", {std::move(made->dir), std::move(made->path)});
    if (limits) {
      set_limits_v2(part.dir, wants, in_v2);
      cgroup->limits_processes_ = wants.pids.has_value();
    }
    if (devices_in_v2) cgroup->device_program_ = forbid_devices_v2(part.dir, wants);
  }
  return cgroup->parts_.empty() ? nullptr : std::move(cgroup);
}

bool Cgroup::holds_devices() const { return parts_.contains("devices") || device_program_; }

Cgroup::~Cgroup() {
  for (auto& [controller, part] : parts_) {
    part.dir = Dir();
    ::rmdir(part.path.c_str());  // what cannot be removed now is swept by a later imgb
  }
}

void Cgroup::add(pid_t pid) {
  for (const auto& [controller, part] : parts_) write_knob(part.dir, "cgroup.procs", std::to_string(pid));
}

std::uint64_t Cgroup::oom_kills() const {
  for (const char* controller : {"memory", ""})
    if (auto part = parts_.find(controller); part != parts_.end()) return oom_kills_in(controller, part->second.dir);
  return 0;
}

void move_to_cgroups(pid_t pid, const CgroupPlaces& from, const CgroupPlaces& to) {
  auto move = [&](const std::filesystem::path& folder) {
    if (!find_cgroup_name(folder.filename().string())) return;
    write_knob(Dir::open_host(folder), "cgroup.procs", std::to_string(pid));
  };
  for (const auto& [controller, folder] : to.v1) {
    auto now = from.v1.find(controller);
    if (now == from.v1.end() || now->second != folder) move(folder);
  }
  if (to.v2 && to.v2 != from.v2) move(*to.v2);
}

std::uint64_t own_oom_kills(const CgroupPlaces& places) {
  try {
    if (auto memory = places.v1.find("memory"); memory != places.v1.end())
      return oom_kills_in("memory", Dir::open_host(memory->second));
    if (places.v2) return oom_kills_in("", Dir::open_host(*places.v2));
  } catch (const SystemError&) {
    return 0;  // a tree that cannot be read tells nothing
  }
  return 0;
}

void sweep_cgroups(const CgroupPlaces& places) {
  Procfs proc = Procfs::open();
  auto sweep = [&](const std::filesystem::path& parent) {
    try {
      for (const auto& entry : Dir::open_host(parent).list()) {
        auto name = find_cgroup_name(entry.name);
        if (name && proc.find_start_time(name->pid) != name->start_time) ::rmdir((parent / entry.name).c_str());
      }
    } catch (const SystemError&) {
      return;  // not readable: nothing of ours is there
    }
  };
  for (const auto& [controller, folder] : places.v1) sweep(folder);
  if (places.v2) sweep(*places.v2);
  if (places.v2 && places.v2_root != *places.v2) sweep(places.v2_root);
}

}  // namespace imgb
