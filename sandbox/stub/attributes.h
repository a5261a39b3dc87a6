#pragma once
#include <string_view>

#include "sandbox/stub/system.h"

namespace imgb::stub {

/// Sets the AppArmor profile and the SELinux label that the next execve of this process takes on; "" for none. Writes
/// only through a procfs that was checked to be one (V78).
void label_next_program(std::string_view apparmor, std::string_view selinux, const Control& control);

}  // namespace imgb::stub
