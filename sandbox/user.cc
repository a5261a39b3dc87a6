#include "sandbox/user.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// Docker's bound: ids from 2^31 on are no ids (V25).
constexpr std::uint64_t kMaxId = (1ULL << 31) - 1;
constexpr std::size_t kMaxGroupsOfUser = 1024;

struct PasswdEntry {
  std::string name;
  std::uint32_t uid = 0, gid = 0;
  std::string home;
};

bool is_decimal(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint32_t> find_id(std::string_view text) {
  if (!is_decimal(text)) return std::nullopt;
  auto value = find_unsigned(text);
  if (!value || *value > kMaxId) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

/// Calls `visit(fields)` for each line of at least `fields` fields until it returns false.
template <class Visit>
void each_line(const std::optional<std::string>& text, std::size_t fields, Visit visit) {
  if (!text) return;
  for (std::string_view line : split(*text, '\n')) {
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    auto parts = split(line, ':');
    if (parts.size() >= fields && !visit(parts)) return;
  }
}

template <class Wanted>
std::optional<PasswdEntry> find_user(const std::optional<std::string>& passwd, Wanted wanted) {
  std::optional<PasswdEntry> found;
  each_line(passwd, 4, [&](const auto& parts) {
    auto uid = find_id(parts[2]), gid = find_id(parts[3]);
    if (!uid || !gid || parts[0].empty()) return true;
    PasswdEntry entry{std::string(parts[0]), *uid, *gid, parts.size() > 5 ? std::string(parts[5]) : std::string()};
    if (!wanted(entry)) return true;
    found = std::move(entry);
    return false;
  });
  return found;
}

std::optional<PasswdEntry> find_user_named(std::string_view word, const std::optional<std::string>& passwd) {
  if (auto by_name = find_user(passwd, [&](const PasswdEntry& e) { return e.name == word; })) return by_name;
  auto id = find_id(word);
  if (!id) return std::nullopt;
  return find_user(passwd, [&](const PasswdEntry& e) { return e.uid == *id; });
}

[[noreturn]] void throw_no_user(std::string_view word) {
  throw_error(ErrorKind::input, "unable to find user {}: no matching entries in passwd file", printable(word, 128));
}

/// A number that is out of range is told as such: it must never become another id.
void check_range(std::string_view word, std::string_view what) {
  if (is_decimal(word) && !find_id(word))
    throw_error(ErrorKind::input, "{} {} is out of range: ids go from 0 to {}", what, printable(word, 64), kMaxId);
}

std::uint32_t resolve_group(std::string_view word, const std::optional<std::string>& group) {
  check_range(word, "group");
  std::optional<std::uint32_t> by_name;
  each_line(group, 3, [&](const auto& parts) {
    if (parts[0] == word) by_name = find_id(parts[2]);
    return !by_name;
  });
  if (by_name) return *by_name;
  if (auto id = find_id(word)) return *id;
  throw_error(ErrorKind::input, "unable to find group {}: no matching entries in group file", printable(word, 128));
}

std::vector<std::uint32_t> groups_of(const PasswdEntry& user, std::uint32_t gid,
                                     const std::optional<std::string>& group) {
  std::vector<std::uint32_t> groups;
  each_line(group, 4, [&](const auto& parts) {
    auto id = find_id(parts[2]);
    auto members = split(parts[3], ',');
    if (id && *id != gid && std::find(members.begin(), members.end(), user.name) != members.end())
      groups.push_back(*id);
    return groups.size() < kMaxGroupsOfUser;
  });
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

std::string home_of(const std::optional<PasswdEntry>& entry, std::uint32_t uid) {
  if (entry && entry->home.starts_with('/')) return entry->home;
  return !entry && uid == 0 ? "/root" : "/";
}

struct Words {
  std::string_view user, group;
  bool has_group = false;
};
Words split_spec(std::string_view spec) {
  auto colon = spec.find(':');
  if (colon == std::string_view::npos) return {spec, {}, false};
  return {spec.substr(0, colon), spec.substr(colon + 1), true};
}

}  // namespace

UserIds resolve_user(std::string_view spec, const std::optional<std::string>& passwd,
                     const std::optional<std::string>& group) {
  Words words = split_spec(spec);
  check_range(words.user, "user");
  auto user_id = find_id(words.user), group_id = find_id(words.group);
  UserIds ids;
  if (user_id && group_id) {  // both numeric: verbatim
    ids.uid = *user_id;
    ids.gid = *group_id;
    ids.home = home_of(find_user(passwd, [&](const PasswdEntry& e) { return e.uid == ids.uid; }), ids.uid);
    return ids;
  }
  auto entry = find_user_named(words.user.empty() ? "0" : words.user, passwd);
  if (entry) {
    ids.uid = entry->uid;
    ids.gid = entry->gid;
  } else if (user_id) {
    ids.uid = *user_id;
  } else if (!words.user.empty()) {
    throw_no_user(words.user);
  }
  ids.home = home_of(entry, ids.uid);
  if (words.has_group && !words.group.empty())
    ids.gid = resolve_group(words.group, group);
  else if (entry)
    ids.groups = groups_of(*entry, ids.gid, group);
  return ids;
}

UserIds resolve_chown(std::string_view spec, const std::optional<std::string>& passwd,
                      const std::optional<std::string>& group) {
  Words words = split_spec(spec);
  check_range(words.user, "user");
  UserIds ids;
  if (auto id = find_id(words.user)) {
    ids.uid = ids.gid = *id;
  } else if (!words.user.empty()) {
    auto entry = find_user(passwd, [&](const PasswdEntry& e) { return e.name == words.user; });
    if (!entry) throw_no_user(words.user);
    ids.uid = entry->uid;
    ids.gid = entry->gid;
    ids.home = home_of(entry, ids.uid);
  }
  if (words.has_group) ids.gid = words.group.empty() ? 0 : resolve_group(words.group, group);
  return ids;
}

}  // namespace imgb
