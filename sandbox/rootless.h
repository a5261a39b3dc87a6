#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// One line of uid_map or gid_map.
struct IdRange {
  std::uint32_t inside = 0, outside = 0, count = 0;
  friend bool operator==(const IdRange&, const IdRange&) = default;
};
using IdMap = std::vector<IdRange>;
std::string render_id_map(const IdMap& map);  ///< As the kernel reads it.

/// The ranges of /etc/subuid or /etc/subgid (its text) that belong to the user, by name or number, in file order.
/// Lines that make no sense are skipped; overflowing ranges too.
struct SubIdRange {
  std::uint32_t first = 0, count = 0;
  friend bool operator==(const SubIdRange&, const SubIdRange&) = default;
};
std::vector<SubIdRange> find_sub_ids(std::string_view text, std::string_view user_name, std::uint32_t user_id);
/// The user's own id as 0, then the ranges from 1 on.
IdMap rootless_map(std::uint32_t own_id, const std::vector<SubIdRange>& ranges);

/// What an id inside is outside; nullopt: it is not mapped.
std::optional<std::uint32_t> find_outside(const IdMap& map, std::uint32_t inside);

/// For an ordinary user: makes this process root of a user and mount namespace of its own. Does nothing for root and
/// inside such a namespace. Call it first thing in a command that needs a root file system, before any thread is made.
/// `join`: a process whose namespaces are to be used (the supervisor of a running container) instead of new ones.
/// Ids come from /etc/subuid and /etc/subgid by newuidmap and newgidmap; where that cannot be, the user's own id alone
/// is mapped and rootless_warning() says so.
/// Errors: unsupported when this host lets the user make no user namespace, with the remedy as hint.
void enter_user_namespace_if_needed(std::optional<pid_t> join = std::nullopt);
/// This process is not in the host's first user namespace.
bool is_rootless();
/// The map of a step's user namespace, `kind` being "uid_map" or "gid_map". Root of the host gets ids that nobody else
/// has: a RUN's user 0 is not even an ordinary user outside. Elsewhere what we have is passed on as it is.
IdMap step_id_map(std::string_view kind);
/// The ids that this process can be given, each as itself: the map of a step without a user namespace of its own.
IdMap reachable_ids(std::string_view kind);
IdMap parse_id_map(std::string_view text);  ///< As the kernel shows it.
/// Only the user's own id could be mapped: owners in images cannot be kept on disk.
std::optional<std::string> rootless_warning();

}  // namespace imgb
