#include <unordered_map>

#include "builder/heredoc.h"
#include "builder/parse_instruction.h"
#include "core/base/error.h"

namespace imgb {
namespace {

constexpr FlagRule kCopyFlags[] = {{"from", FlagKind::text},       {"chown", FlagKind::text},
                                   {"chmod", FlagKind::text},      {"link", FlagKind::boolean},
                                   {"parents", FlagKind::boolean}, {"exclude", FlagKind::list}};
constexpr FlagRule kAddFlags[] = {{"chown", FlagKind::text},    {"chmod", FlagKind::text},
                                  {"link", FlagKind::boolean},  {"keep-git-dir", FlagKind::boolean},
                                  {"checksum", FlagKind::text}, {"unpack", FlagKind::boolean},
                                  {"exclude", FlagKind::list}};

/// A word that is no sound heredoc is a path.
std::optional<Heredoc> heredoc_of(const std::string& word) {
  try {
    return find_heredoc(word);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void read_sources(Transfer& into, const RawInstruction& raw) {
  if (raw.args.size() < 2) {
    throw_error(ErrorKind::input,
                "{} requires at least two arguments, but only one was provided. Destination could not be determined",
                raw.name);
  }
  if (!raw.json && heredoc_of(raw.args.back())) {
    throw_error(ErrorKind::input, "{} cannot accept a heredoc as a destination", raw.name);
  }
  into.destination = {raw.args.back()};
  std::unordered_map<std::string_view, const Heredoc*> bodies;
  for (const Heredoc& heredoc : raw.heredocs) bodies[heredoc.name] = &heredoc;  // of several the last counts
  for (std::size_t i = 0; i + 1 < raw.args.size(); ++i) {
    std::optional<Heredoc> marker;
    if (!raw.json) marker = heredoc_of(raw.args[i]);
    if (!marker) {
      into.sources.push_back({raw.args[i]});
      continue;
    }
    if (auto body = bodies.find(marker->name); body != bodies.end()) marker->content = body->second->content;
    into.heredocs.push_back(std::move(*marker));
  }
}

std::optional<Word> word_flag(const FlagSet& flags, std::string_view name) {
  auto value = flags.find(name);
  if (!value || value->empty()) return std::nullopt;
  return Word{std::move(*value)};
}

void read_common_flags(Transfer& into, const FlagSet& flags) {
  into.chown = word_flag(flags, "chown");
  into.chmod = word_flag(flags, "chmod");
  into.link = flags.find_bool("link").value_or(false);
  into.exclude = flags.list("exclude");
}

}  // namespace

Copy parse_copy(const RawInstruction& raw) {
  Copy copy;
  FlagSet flags(raw.flags, kCopyFlags);
  read_sources(copy, raw);
  read_common_flags(copy, flags);
  copy.parents = flags.find_bool("parents").value_or(false);
  copy.from = flags.find("from").value_or("");
  if (std::size_t dollar = copy.from.find('$'); dollar != std::string::npos && dollar + 1 < copy.from.size()) {
    throw_error(ErrorKind::input,
                "variable expansion is not supported for --from, define a new stage with FROM using ARG from global "
                "scope as a workaround");
  }
  return copy;
}

Add parse_add(const RawInstruction& raw) {
  Add add;
  FlagSet flags(raw.flags, kAddFlags);
  read_sources(add, raw);
  read_common_flags(add, flags);
  add.checksum = word_flag(flags, "checksum");
  add.unpack = flags.find_bool("unpack");
  return add;
}

}  // namespace imgb
