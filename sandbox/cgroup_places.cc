#include <fmt/core.h>

#include <algorithm>

#include "core/base/text.h"
#include "sandbox/cgroup.h"
#include "sandbox/procfs.h"

namespace imgb {
namespace {

/// mountinfo writes space, tab, newline and backslash as octal escapes.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (auto code = find_octal(text.substr(i + 1, 3))) {
        result += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

struct CgroupMount {
  std::string root, point;  ///< Which folder of the tree is mounted where.
};

/// Folder of `path` (of /proc/self/cgroup) below a mount that may show a part of the tree only.
std::filesystem::path folder_at(const CgroupMount& mount, std::string_view path) {
  std::string_view below = path;
  if (mount.root != "/" && below.starts_with(mount.root)) below.remove_prefix(mount.root.size());
  while (below.starts_with('/')) below.remove_prefix(1);
  if (below.starts_with("..")) below = {};  // outside of what this namespace shows
  return std::filesystem::path(mount.point) / below;
}

}  // namespace

CgroupPlaces parse_cgroup_places(std::string_view mountinfo, std::string_view self_cgroup) {
  std::map<std::string, CgroupMount> v1;
  std::optional<CgroupMount> v2;
  for (std::string_view line : split(mountinfo, '\n')) {
    auto fields = split(line, ' ');
    auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 10 || fields.end() - dash < 4) continue;
    CgroupMount mount{unescape(fields[3]), unescape(fields[4])};
    if (dash[1] == "cgroup2" && !v2) v2 = mount;
    if (dash[1] != "cgroup") continue;
    for (std::string_view option : split(dash[3], ',')) v1.emplace(option, mount);
  }
  CgroupPlaces places;
  for (std::string_view line : split(self_cgroup, '\n')) {
    auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    std::string_view controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty() && v2) {
      places.v2 = folder_at(*v2, path);
      places.v2_root = v2->point;
    }
    for (std::string_view controller : split(controllers, ','))
      if (auto mount = v1.find(std::string(controller)); !controller.empty() && mount != v1.end())
        places.v1.emplace(controller, folder_at(mount->second, path));
  }
  return places;
}

CgroupPlaces find_cgroup_places() { return find_cgroup_places(::getpid()); }

CgroupPlaces find_cgroup_places(pid_t pid) {
  Procfs proc = Procfs::open();
  return parse_cgroup_places(proc.read(fmt::format("{}/mountinfo", ::getpid())),
                             proc.read(fmt::format("{}/cgroup", pid)));
}

std::string render_cgroup_name(const CgroupName& name) {
  return fmt::format("imgb-{}-{}-{}", name.pid, name.start_time, name.number);
}

std::optional<CgroupName> find_cgroup_name(std::string_view text) {
  auto parts = split(text, '-');
  if (parts.size() != 4 || parts[0] != "imgb") return std::nullopt;
  auto pid = find_unsigned(parts[1]), start = find_unsigned(parts[2]), number = find_unsigned(parts[3]);
  if (!pid || *pid > INT32_MAX || !start || !number) return std::nullopt;
  return CgroupName{static_cast<pid_t>(*pid), *start, *number};
}

}  // namespace imgb
