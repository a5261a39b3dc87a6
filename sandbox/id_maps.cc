#include <fmt/core.h>
#include <unistd.h>

#include "core/base/text.h"
#include "sandbox/procfs.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

constexpr std::uint64_t kAllIds = 1ULL << 32;
/// Steps of root's builds: above what user databases, subuid files and other container engines give out, and wide
/// enough for every id below 2^31, so that an image's owners need no second thought.
constexpr IdRange kStepIds{0, 0x80000000, 0x7ffffffe};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  std::erase_if(words, [](std::string_view word) { return word.empty(); });
  return words;
}

IdMap own_map(std::string_view kind) {
  return parse_id_map(Procfs::open().read(fmt::format("{}/{}", ::getpid(), kind)));
}

bool is_whole(const IdMap& map) { return map == IdMap{{0, 0, 0xffffffff}}; }

}  // namespace

std::string render_id_map(const IdMap& map) {
  std::string text;
  for (const IdRange& range : map) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  return text;
}

IdMap parse_id_map(std::string_view text) {
  IdMap map;
  for (std::string_view line : split(text, '\n')) {
    auto words = words_of(line);
    if (words.size() != 3) continue;
    auto inside = find_unsigned(words[0]), outside = find_unsigned(words[1]), count = find_unsigned(words[2]);
    if (!inside || !outside || !count || *inside >= kAllIds || *outside >= kAllIds || *count >= kAllIds) continue;
    map.push_back({static_cast<std::uint32_t>(*inside), static_cast<std::uint32_t>(*outside),
                   static_cast<std::uint32_t>(*count)});
  }
  return map;
}

std::vector<SubIdRange> find_sub_ids(std::string_view text, std::string_view user_name, std::uint32_t user_id) {
  std::vector<SubIdRange> ranges;
  std::string number = std::to_string(user_id);
  for (std::string_view line : split(text, '\n')) {
    auto parts = split(trim(line), ':');
    if (parts.size() != 3 || parts[0].empty() || (parts[0] != user_name && parts[0] != number)) continue;
    auto first = find_unsigned(parts[1]), count = find_unsigned(parts[2]);
    if (!first || !count || *count == 0 || *first + *count > kAllIds || *count >= kAllIds || *first == 0) continue;
    ranges.push_back({static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*count)});
  }
  return ranges;
}

IdMap rootless_map(std::uint32_t own_id, const std::vector<SubIdRange>& ranges) {
  IdMap map = {{0, own_id, 1}};
  std::uint64_t next = 1;
  for (const SubIdRange& range : ranges) {
    std::uint64_t count = std::min<std::uint64_t>(range.count, 0xffffffff - next);
    if (count == 0) break;
    map.push_back({static_cast<std::uint32_t>(next), range.first, static_cast<std::uint32_t>(count)});
    next += count;
  }
  return map;
}

std::optional<std::uint32_t> find_outside(const IdMap& map, std::uint32_t inside) {
  for (const IdRange& range : map)
    if (inside >= range.inside && inside - range.inside < range.count) return range.outside + (inside - range.inside);
  return std::nullopt;
}

bool is_rootless() { return !is_whole(own_map("uid_map")); }

IdMap reachable_ids(std::string_view kind) {
  IdMap own = own_map(kind);
  for (IdRange& range : own) range.outside = range.inside;
  return own;
}

IdMap step_id_map(std::string_view kind) {
  IdMap reachable = reachable_ids(kind);
  return is_whole(reachable) ? IdMap{kStepIds} : reachable;
}

std::optional<std::string> rootless_warning() {
  IdMap own = own_map("uid_map");
  if (own.size() != 1 || own[0].count != 1) return std::nullopt;
  return "only your own user id is mapped: files of images all belong to you, and programs that change users fail; "
         "install the package uidmap and give yourself ids: usermod --add-subuids 100000-165535 --add-subgids "
         "100000-165535 USER";
}

}  // namespace imgb
