#pragma once
#include <string>
#include <string_view>

namespace imgb {

/// The AppArmor profile for containers that this host has loaded (its own for imgb, else Docker's or Podman's); "" when
/// AppArmor is off, imgb may not use profiles, or none is there.
std::string find_apparmor_profile();
/// The SELinux label for container processes, "" when SELinux is off or the policy knows no containers.
std::string find_selinux_label();

/// Pure parts: from /sys/kernel/security/apparmor/profiles ("name (mode)" per line) ...
std::string choose_apparmor_profile(std::string_view profiles);
/// ... and from the policy's lxc_contexts file (`process = "label"`). `categories` keep worlds apart: "c1,c2".
std::string choose_selinux_label(std::string_view lxc_contexts, std::string_view categories);

}  // namespace imgb
