#include "cli/accounts.h"

#include "core/base/dir.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/procfs.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxAccountFileBytes = 4 << 20;

bool is_number(std::string_view text) { return find_unsigned(text).has_value(); }

}  // namespace

UserIds find_user(const std::string& user, bool needs_home, const ReadRootFile& read) {
  std::size_t colon = user.find(':');
  bool numeric = colon != std::string::npos && is_number(std::string_view(user).substr(0, colon)) &&
                 is_number(std::string_view(user).substr(colon + 1));
  std::optional<std::string> passwd, group;
  if (!numeric || needs_home) passwd = read("/etc/passwd", kMaxAccountFileBytes);
  if (!numeric) group = read("/etc/group", kMaxAccountFileBytes);
  return resolve_user(user, passwd, group);
}

UserIds find_user_inside(pid_t pid, const std::string& user, bool needs_home) {
  std::optional<Dir> root;
  auto read = [&](const std::string& path, std::uint64_t max_bytes) -> std::optional<std::string> {
    if (!root) root.emplace(Procfs::open().open_root(pid), "the container's root");
    try {
      return root->find_content(path, max_bytes, Links::in_root);
    } catch (const Error&) {
      return std::nullopt;  // a fifo, a loop of links, much too long: for whoever wants to look into it, there is none
    }
  };
  return find_user(user, needs_home, read);
}

}  // namespace imgb
