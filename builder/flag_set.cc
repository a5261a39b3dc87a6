#include "builder/flag_set.h"

#include <algorithm>

#include "builder/dockerfile_error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

[[noreturn]] void refuse(const std::string& flag, std::string message) {
  throw WordError(ErrorKind::input, std::move(message), flag);
}

const FlagRule& rule_of(const std::string& flag, std::string_view name, std::span<const FlagRule> known) {
  auto rule = std::find_if(known.begin(), known.end(), [&](const FlagRule& r) { return r.name == name; });
  if (rule != known.end()) return *rule;
  std::vector<std::string> names;
  for (const FlagRule& r : known) names.emplace_back(r.name);
  auto nearest = find_nearest(name, names);
  refuse(flag, fmt::format("unknown flag: --{}{}", printable(name),
                           nearest ? fmt::format(" (did you mean {}?)", *nearest) : ""));
}

}  // namespace

FlagSet::FlagSet(std::span<const std::string> flags, std::span<const FlagRule> known) {
  for (const std::string& flag : flags) {
    std::string_view name = std::string_view(flag).substr(2);
    std::optional<std::string_view> value;
    if (std::size_t equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const FlagRule& rule = rule_of(flag, name, known);
    std::vector<std::string>& values = values_[std::string(name)];
    if (!values.empty() && rule.kind != FlagKind::list) {
      refuse(flag, fmt::format("duplicate flag specified: --{}", name));
    }
    if (rule.kind == FlagKind::boolean) {
      if (value && value->empty()) refuse(flag, fmt::format("missing a value on flag: --{}", name));
      std::string lower = lower_ascii(value.value_or("true"));
      if (lower != "true" && lower != "false") {
        refuse(flag, fmt::format("expecting boolean value for flag --{}, not: {}", name, printable(*value)));
      }
      values.push_back(std::move(lower));
    } else {
      if (!value) refuse(flag, fmt::format("missing a value on flag: --{}", name));
      values.emplace_back(*value);
    }
  }
}

std::optional<std::string> FlagSet::find(std::string_view name) const {
  auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second.front();
}

std::optional<bool> FlagSet::find_bool(std::string_view name) const {
  auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second.front() == "true";
}

std::vector<std::string> FlagSet::list(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace imgb
