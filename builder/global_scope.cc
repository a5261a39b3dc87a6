#include "builder/global_scope.h"

#include <algorithm>
#include <array>

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::array<std::string_view, 11> kPlatformArgs{
    "TARGETPLATFORM", "TARGETOS",       "TARGETOSVERSION", "TARGETARCH",   "TARGETVARIANT", "BUILDPLATFORM",
    "BUILDOS",        "BUILDOSVERSION", "BUILDARCH",       "BUILDVARIANT", "TARGETSTAGE"};

void set_platform(Environment& scope, std::string_view prefix, const Platform& platform) {
  scope.set(fmt::format("{}PLATFORM", prefix), platform.str());
  scope.set(fmt::format("{}OS", prefix), platform.os);
  scope.set(fmt::format("{}OSVERSION", prefix), platform.os_version);
  scope.set(fmt::format("{}ARCH", prefix), platform.architecture);
  scope.set(fmt::format("{}VARIANT", prefix), platform.variant);
}

bool means_something_alone(std::string_view name) {
  return is_proxy_arg(name) || name == "SOURCE_DATE_EPOCH" || name.starts_with("BUILDKIT_") ||
         std::find(kPlatformArgs.begin(), kPlatformArgs.end(), name) != kPlatformArgs.end();
}

}  // namespace

Environment global_scope(const Dockerfile& file, const std::map<std::string, std::string>& build_args,
                         const Platform& build_platform, const Platform& target_platform, std::string_view target) {
  Environment scope;
  set_platform(scope, "BUILD", build_platform);
  set_platform(scope, "TARGET", target_platform);
  scope.set("TARGETSTAGE", target.empty() ? "default" : target);
  for (std::string_view name : kPlatformArgs) {
    if (auto given = build_args.find(std::string(name)); given != build_args.end()) scope.set(name, given->second);
  }
  for (const GlobalArg& global : file.global_args) {
    at_lines(file.source, global.lines, [&] {
      std::string name = global.arg.name;
      if (auto given = build_args.find(name); given != build_args.end()) {
        scope.set(name, given->second);
      } else if (global.arg.value) {
        scope.set(name, expand_word(*global.arg.value, scope, file.escape));
      }
    });
  }
  return scope;
}

bool is_proxy_arg(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return name == known || name == lower_ascii(known); });
}

std::vector<std::string> unused_arg_warnings(const std::map<std::string, std::string>& build_args,
                                             std::span<const std::string> declared) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : build_args) {
    if (means_something_alone(name) || std::find(declared.begin(), declared.end(), name) != declared.end()) continue;
    auto nearest = find_nearest(name, declared);
    warnings.push_back(fmt::format("build argument {} is not used: no ARG declares it{}", printable(name),
                                   nearest ? fmt::format(" (did you mean {}?)", *nearest) : ""));
  }
  return warnings;
}

std::vector<std::string> declared_args(const Dockerfile& file) {
  std::vector<std::string> names;
  for (const GlobalArg& global : file.global_args) names.push_back(global.arg.name);
  for (const Stage& stage : file.stages) {
    for (const Instruction& instruction : stage.instructions) {
      const Arg* arg = std::get_if<Arg>(&instruction.what);
      for (std::size_t i = 0; arg && i < arg->args.size(); ++i) names.push_back(arg->args[i].name);
    }
  }
  return names;
}

}  // namespace imgb
