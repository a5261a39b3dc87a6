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

/// Go's %q of an integer: a character literal.
std::string quoted_character(std::int64_t code) {
  constexpr std::string_view kEscapes = "abtnvfr";  // of 7 to 13
  if (code >= 7 && code <= 13) return fmt::format("'\\{}'", kEscapes[static_cast<std::size_t>(code - 7)]);
  if (code < 0x20 || code == 0x7f) return fmt::format("'\\x{:02x}'", code);
  if (code == '\'' || code == '\\') return fmt::format("'\\{}'", static_cast<char>(code));
  if (code < 0x7f) return fmt::format("'{}'", static_cast<char>(code));
  return fmt::format("'\\u{:04x}'", code);
}

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
  auto duration = [](std::int64_t nanoseconds) { return go_quote(render_go_duration(nanoseconds)); };
  std::vector<std::string> test;
  for (const std::string& word : check.test) test.push_back(go_quote(word));
  // Go's %q of the struct: the number of retries comes out as the character of that code.
  return fmt::format("HEALTHCHECK &{{[{}] {} {} {} {} {}}}", join(test, " "), duration(check.interval),
                     duration(check.timeout), duration(check.start_period), duration(check.start_interval),
                     quoted_character(check.retries));
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
