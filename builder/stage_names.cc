#include "builder/stage_names.h"

#include <algorithm>

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "core/base/text.h"

namespace imgb {
std::vector<std::string_view> froms_of(const Instruction& instruction) {
  std::vector<std::string_view> froms;
  if (const Copy* copy = std::get_if<Copy>(&instruction.what)) froms.push_back(copy->from);
  if (const Run* run = std::get_if<Run>(&instruction.what)) {
    for (const MountSpec& mount : run->mounts) froms.push_back(mount.from);
  }
  return froms;
}

StageNames::StageNames(const Dockerfile& file) : file_(file) {
  for (std::size_t i = 0; i < file.stages.size(); ++i) {
    if (!file.stages[i].name.empty()) by_name_[lower_ascii(file.stages[i].name)].push_back(i);
  }
}

std::optional<std::size_t> StageNames::find(std::string_view name, std::size_t before) const {
  auto stages = by_name_.find(lower_ascii(name));
  if (stages == by_name_.end()) return std::nullopt;
  auto next = std::lower_bound(stages->second.begin(), stages->second.end(), before);
  if (next == stages->second.begin()) return std::nullopt;
  return *std::prev(next);
}

std::size_t StageNames::find_target(std::string_view target) const {
  if (target.empty()) return file_.stages.size() - 1;
  if (auto stage = find(target, file_.stages.size())) return *stage;
  std::vector<std::string> names;
  for (const auto& [name, stages] : by_name_) names.push_back(name);
  auto nearest = find_nearest(target, names);
  throw_error(ErrorKind::input, "target stage {} could not be found{}", go_quote(target),
              nearest ? fmt::format(" (did you mean {}?)", *nearest) : "");
}

std::optional<std::size_t> StageNames::find_from(std::string_view from, std::size_t current, bool index_counts) const {
  if (auto index = index_counts ? find_unsigned(from) : std::nullopt) {
    if (*index >= current) throw_error(ErrorKind::input, "invalid stage index {}", *index);
    return static_cast<std::size_t>(*index);
  }
  if (auto stage = find(from, current)) return stage;
  if (find(from, file_.stages.size())) {
    throw_error(ErrorKind::input, "cannot {} from stage {}, it needs to be defined before current stage {}",
                index_counts ? "copy" : "mount", go_quote(from), go_quote(display_name(file_, current)));
  }
  return std::nullopt;
}

std::string base_name(const Dockerfile& file, std::size_t stage, const Environment& global) {
  const Stage& from = file.stages[stage];
  return at_lines(file.source, from.lines, [&] {
    std::string name = expand_word(from.base, global, file.escape);
    if (name.empty()) throw_error(ErrorKind::input, "base name ({}) should not be blank", from.base.raw);
    return name;
  });
}

std::string display_name(const Dockerfile& file, std::size_t stage) {
  return file.stages[stage].name.empty() ? fmt::format("stage-{}", stage) : file.stages[stage].name;
}

std::set<std::size_t> StageNames::needed_stages(std::size_t target, const Environment& global,
                                                const std::set<std::size_t>& replaced) const {
  std::set<std::size_t> needed{target};
  // Stages need earlier ones only, so one pass from the target down sees every reason.
  for (std::size_t i = target + 1; i-- > 0;) {
    if (!needed.contains(i) || replaced.contains(i)) continue;
    if (auto base = find(base_name(file_, i, global), i)) needed.insert(*base);
    for (const Instruction& instruction : file_.stages[i].instructions) {
      for (std::string_view from : froms_of(instruction)) {
        if (from.empty()) continue;
        bool is_copy = std::holds_alternative<Copy>(instruction.what);
        auto stage = at_lines(file_.source, instruction.lines, [&] { return find_from(from, i, is_copy); });
        if (stage) needed.insert(*stage);
      }
    }
  }
  return needed;
}

}  // namespace imgb
