#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

struct UserIds {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;  ///< Supplementary, without gid; sorted.
  std::string home = "/";             ///< From passwd; "/" when there is no entry, "/root" for 0 without one.
  friend bool operator==(const UserIds&, const UserIds&) = default;
};

/// Resolves USER ("", "name", "uid", "name:group", "uid:gid", ...) against the image's passwd and group files (their
/// texts; nullopt: the image has none). dockerfile.md 3.5; V25: ids are range-checked and nothing falls back to 0.
/// Error(input): "unable to find user x: no matching entries in passwd file", and the like for groups.
UserIds resolve_user(std::string_view spec, const std::optional<std::string>& passwd,
                     const std::optional<std::string>& group);

/// --chown: as resolve_user, but a numeric user alone gives gid = uid, a name alone gives its passwd group; unknown
/// names are errors. dockerfile.md 3.3 "owner".
UserIds resolve_chown(std::string_view spec, const std::optional<std::string>& passwd,
                      const std::optional<std::string>& group);

}  // namespace imgb
