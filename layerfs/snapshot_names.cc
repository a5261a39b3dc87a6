#include "layerfs/snapshot_names.h"

#include <fmt/core.h>

#include "core/base/text.h"

namespace imgb {

std::string snapshot_name(const StackKey& stack, std::size_t length) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  auto raw = stack.digest.raw();
  std::string name;
  unsigned bits = 0, held = 0;
  for (std::size_t next = 0; name.size() < length;) {
    if (held < 5) {
      bits = (bits << 8 | static_cast<unsigned>(raw[next++])) & 0xffff;
      held += 8;
    }
    held -= 5;
    name += kAlphabet[bits >> held & 31];
  }
  return name;
}

std::string mark_name(std::string_view snapshot) { return std::string(snapshot) + ".ok"; }

std::uint64_t lock_place(const StackKey& stack) {
  constexpr unsigned kBits = 5 * kSnapshotNameLengths.front();
  auto raw = stack.digest.raw();
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < sizeof first; ++i) first = first << 8 | static_cast<std::uint64_t>(raw[i]);
  return first >> (8 * sizeof first - kBits);
}

std::string lease_name(std::string_view snapshot) { return "snapshot " + std::string(snapshot); }

std::string render(const ReadyMark& mark) {
  return fmt::format("{} {}\n", mark.stack.digest.str(), mark.boot_id.empty() ? "durable" : mark.boot_id);
}

std::optional<ReadyMark> find_ready_mark(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  std::vector<std::string_view> words = split(text.substr(0, text.size() - 1), ' ');
  auto digest = words.size() == 2 ? Digest::find(words[0]) : std::nullopt;
  if (!digest || words[1].empty()) return std::nullopt;
  return ReadyMark{StackKey{*digest}, words[1] == "durable" ? "" : std::string(words[1])};
}

}  // namespace imgb
