#include "sandbox/host_labels.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/host_text.h"

namespace imgb {
namespace {

/// Two different categories out of 1024, as container engines choose them.
std::string random_categories() {
  std::array<std::uint16_t, 2> drawn{};
  do {
    if (::getrandom(drawn.data(), sizeof drawn, 0) != sizeof drawn) throw_errno("random numbers");
    for (std::uint16_t& one : drawn) one %= 1024;
  } while (drawn[0] == drawn[1]);
  return fmt::format("c{},c{}", std::min(drawn[0], drawn[1]), std::max(drawn[0], drawn[1]));
}

}  // namespace

std::string choose_apparmor_profile(std::string_view profiles) {
  std::string best;
  std::size_t best_rank = 3;
  for (std::string_view line : split(profiles, '\n')) {
    std::string_view name = line.substr(0, line.rfind(" ("));
    std::size_t rank = name == "imgb-default"                    ? 0
                       : name == "docker-default"                ? 1
                       : name.starts_with("containers-default-") ? 2
                                                                 : 3;
    if (rank >= best_rank) continue;
    best_rank = rank;
    best = name;
  }
  return best;
}

std::string choose_selinux_label(std::string_view lxc_contexts, std::string_view categories) {
  for (std::string_view line : split(lxc_contexts, '\n')) {
    auto equals = line.find('=');
    if (equals == std::string_view::npos || trim(line.substr(0, equals)) != "process") continue;
    std::string_view label = trim(line.substr(equals + 1), " \t\r\"");
    if (split(label, ':').size() < 4) return {};
    // "user:role:type:s0" takes categories; a label that has some already keeps its own.
    bool bare = split(label, ':').size() == 4;
    return bare ? fmt::format("{}:{}", label, categories) : std::string(label);
  }
  return {};
}

std::string find_apparmor_profile() {
  if (!host_text("/sys/module/apparmor/parameters/enabled").starts_with('Y')) return {};
  return choose_apparmor_profile(host_text("/sys/kernel/security/apparmor/profiles"));
}

std::string find_selinux_label() {
  if (::access("/sys/fs/selinux/enforce", F_OK) != 0) return {};
  std::string policy = "targeted";
  std::string config = host_text("/etc/selinux/config");
  for (std::string_view line : split(config, '\n'))
    if (line.starts_with("SELINUXTYPE=")) policy = trim(line.substr(12));
  return choose_selinux_label(host_text(fmt::format("/etc/selinux/{}/contexts/lxc_contexts", policy)),
                              random_categories());
}

}  // namespace imgb
