#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/instructions.h"

namespace imgb {

// What BuildKit writes into history's created_by (dockerfile.md 3.4). All values are expanded already.

using NamedValue = std::pair<std::string, std::string>;

std::string history_env(std::span<const NamedValue> pairs);
std::string history_label(std::span<const NamedValue> pairs);
using MaybeNamedValue = std::pair<std::string, std::optional<std::string>>;  ///< nullopt: declared, no value.
std::string history_arg(std::span<const MaybeNamedValue> args);
std::string history_command(std::string_view name,
                            const CommandLine& command);         ///< CMD, ENTRYPOINT; SHELL already in front.
std::string history_expose(std::span<const std::string> ports);  ///< As parse_exposed_ports gave them.
std::string history_volume(std::span<const std::string> paths);
std::string history_shell(std::span<const std::string> argv);
std::string history_healthcheck(const HealthcheckInstruction& check);
/// `args`: the ARG values in effect, in order of declaration.
std::string history_run(std::span<const NamedValue> args, std::span<const std::string> argv);
/// `sources` and `destination` are expanded; chown and chmod too ("" when not given).
std::string history_transfer(std::string_view name, const Transfer& transfer, std::span<const std::string> sources,
                             std::string_view destination, std::string_view chown, std::string_view chmod);

}  // namespace imgb
