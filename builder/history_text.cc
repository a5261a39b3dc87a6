#include "builder/history_text.h"

#include <fmt/core.h>

#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kLayerMark = " # buildkit";

std::string pairs_text(std::string_view name, std::span<const NamedValue> pairs) {
  std::string text(name);
  for (const auto& [key, value] : pairs) text += " " + key + "=" + value;
  return text;
}

/// Go's %v of a list of strings.
std::string list_text(std::span<const std::string> items) { return fmt::format("[{}]", join(items, " ")); }

}  // namespace

std::string history_env(std::span<const NamedValue> pairs) { return pairs_text("ENV", pairs); }
std::string history_label(std::span<const NamedValue> pairs) { return pairs_text("LABEL", pairs); }

std::string history_arg(std::span<const MaybeNamedValue> args) {
  std::string text = "ARG";
  for (const auto& [name, value] : args) text += value ? fmt::format(" {}={}", name, *value) : " " + name;
  return text;
}

std::string history_command(std::string_view name, const CommandLine& command) {
  std::vector<std::string> quoted;
  for (const std::string& arg : command.args) quoted.push_back(go_quote(arg));
  return fmt::format("{} {}", name, list_text(quoted));
}

std::string history_expose(std::span<const std::string> ports) { return "EXPOSE " + list_text(ports); }
std::string history_volume(std::span<const std::string> paths) { return "VOLUME " + list_text(paths); }
std::string history_shell(std::span<const std::string> argv) { return "SHELL " + list_text(argv); }

std::string history_healthcheck(const HealthcheckInstruction& check) {
  return fmt::format("HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
                     list_text(check.test), render_go_duration(check.interval), render_go_duration(check.timeout),
                     render_go_duration(check.start_period), render_go_duration(check.start_interval), check.retries);
}

std::string history_run(std::span<const NamedValue> args, std::span<const std::string> argv) {
  std::string head = args.empty() ? "RUN" : pairs_text(fmt::format("RUN |{}", args.size()), args);
  return fmt::format("{} {}{}", head, join(argv, " "), kLayerMark);
}

std::string history_transfer(std::string_view name, const Transfer& transfer, std::span<const std::string> sources,
                             std::string_view destination, std::string_view chown, std::string_view chmod) {
  std::string text(name);
  if (transfer.parents) text += " --parents";
  if (!chown.empty()) text += fmt::format(" --chown={}", chown);
  if (!chmod.empty()) text += fmt::format(" --chmod={}", chmod);
  for (const std::string& source : sources) text += " " + source;
  for (const Heredoc& heredoc : transfer.heredocs) text += " <<" + heredoc.name;
  text += fmt::format(" {}", destination);
  return text += kLayerMark;
}

}  // namespace imgb
