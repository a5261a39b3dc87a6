#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "sandbox/user.h"

namespace imgb {

/// A file of a root file system, by its path; nullopt: there is none. What it holds is the image's or the program's:
/// hostile, bounded.
using ReadRootFile = std::function<std::optional<std::string>(const std::string& path, std::uint64_t max_bytes)>;

/// USER of a container against its passwd and group files, of which only those are read that can tell something.
/// `needs_home`: nothing else says what HOME is.
UserIds find_user(const std::string& user, bool needs_home, const ReadRootFile& read);

/// The same for one more program in a running container, whose process 1 has the number `pid`: as its files are now.
UserIds find_user_inside(pid_t pid, const std::string& user, bool needs_home);

}  // namespace imgb
