#include "builder/stage_names.h"

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::vector<std::string> stage_names(const Dockerfile& file) {
  std::vector<std::string> names;
  for (const Stage& stage : file.stages) {
    if (!stage.name.empty()) names.push_back(stage.name);
  }
  return names;
}

/// Names after --from or mounts' from of one instruction.
std::vector<std::string_view> froms_of(const Instruction& instruction) {
  std::vector<std::string_view> froms;
  if (const Copy* copy = std::get_if<Copy>(&instruction.what)) froms.push_back(copy->from);
  if (const Run* run = std::get_if<Run>(&instruction.what)) {
    for (const MountSpec& mount : run->mounts) froms.push_back(mount.from);
  }
  return froms;
}

}  // namespace

std::optional<std::size_t> find_stage(const Dockerfile& file, std::string_view name, std::size_t before) {
  for (std::size_t i = std::min(before, file.stages.size()); i-- > 0;) {
    if (!file.stages[i].name.empty() && iequals_ascii(file.stages[i].name, name)) return i;
  }
  return std::nullopt;
}

std::size_t find_target(const Dockerfile& file, std::string_view target) {
  if (target.empty()) return file.stages.size() - 1;
  if (auto stage = find_stage(file, target, file.stages.size())) return *stage;
  auto names = stage_names(file);
  auto nearest = find_nearest(target, names);
  throw_error(ErrorKind::input, "target stage {} could not be found{}", go_quote(target),
              nearest ? fmt::format(" (did you mean {}?)", *nearest) : "");
}

std::optional<std::size_t> find_from(const Dockerfile& file, std::string_view from, std::size_t current,
                                     bool index_counts) {
  if (auto index = index_counts ? find_unsigned(from) : std::nullopt) {
    if (*index >= current) throw_error(ErrorKind::input, "invalid stage index {}", *index);
    return static_cast<std::size_t>(*index);
  }
  if (auto stage = find_stage(file, from, current)) return stage;
  if (find_stage(file, from, file.stages.size())) {
    throw_error(ErrorKind::input, "cannot {} from stage {}, it needs to be defined before current stage {}",
                index_counts ? "copy" : "mount", go_quote(from), go_quote(display_name(file, current)));
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

std::set<std::size_t> needed_stages(const Dockerfile& file, std::size_t target, const Environment& global,
                                    const std::set<std::size_t>& replaced) {
  std::set<std::size_t> needed{target};
  // Stages need earlier ones only, so one pass from the target down sees every reason.
  for (std::size_t i = target + 1; i-- > 0;) {
    if (!needed.contains(i) || replaced.contains(i)) continue;
    if (auto base = find_stage(file, base_name(file, i, global), i)) needed.insert(*base);
    for (const Instruction& instruction : file.stages[i].instructions) {
      for (std::string_view from : froms_of(instruction)) {
        if (from.empty()) continue;
        bool is_copy = std::holds_alternative<Copy>(instruction.what);
        auto stage = at_lines(file.source, instruction.lines, [&] { return find_from(file, from, i, is_copy); });
        if (stage) needed.insert(*stage);
      }
    }
  }
  return needed;
}

}  // namespace imgb
