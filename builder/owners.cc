#include "builder/owners.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

bool is_numeric(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == ':'; });
}

struct Accounts {
  std::optional<std::string> passwd, group;
};
Accounts read_accounts(const FileSystem& files, StepServices& services, Activity& activity,
                       const std::stop_token& stop) {
  return {services.find_text(files, RootedPath::clean("etc/passwd"), activity, stop),
          services.find_text(files, RootedPath::clean("etc/group"), activity, stop)};
}

}  // namespace

std::pair<std::uint32_t, std::uint32_t> resolve_owner(const std::string& chown, const FileSystem& files,
                                                      StepServices& services, Activity& activity,
                                                      const std::stop_token& stop) {
  Accounts accounts;
  if (!is_numeric(chown)) accounts = read_accounts(files, services, activity, stop);
  UserIds ids = in_context([&] { return fmt::format("--chown={}", printable(chown)); },
                           [&] { return resolve_chown(chown, accounts.passwd, accounts.group); });
  return {ids.uid, ids.gid};
}

std::pair<std::uint32_t, std::uint32_t> resolve_folder_owner(const std::string& user, const FileSystem& files,
                                                             StepServices& services, Activity& activity,
                                                             const std::stop_token& stop) {
  if (user.empty()) return {0, 0};
  try {
    return resolve_owner(user, files, services, activity, stop);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::input && e.kind() != ErrorKind::not_found) throw;
    services.tools.progress.warn(fmt::format("WORKDIR makes its folder for root: {}", e.message()));
    return {0, 0};
  }
}

UserIds resolve_run_user(const std::string& user, const FileSystem& files, StepServices& services, Activity& activity,
                         const std::stop_token& stop) {
  Accounts accounts = read_accounts(files, services, activity, stop);
  return resolve_user(user, accounts.passwd, accounts.group);
}

}  // namespace imgb
