#include "cli/program.h"

#include <fmt/core.h>

#include <optional>

#include "cli/command.h"
#include "cli/errors.h"
#include "cli/generate.h"
#include "cli/terminal.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

const Command& find_command(std::span<const Command> table, const std::string& word, std::string_view of) {
  std::vector<std::string> names;
  for (const Command& command : table) {
    if (command.name == word) return command;
    names.emplace_back(command.name);
  }
  Error error(ErrorKind::usage, fmt::format("unknown command {:?}{}", printable(word), of));
  auto near = find_nearest(word, names);
  throw error.set_hint(near ? "did you mean " + *near + "?" : "see imgb --help");
}

/// The verb that was typed, and what followed it.
struct Typed {
  const Command* command = nullptr;
  std::string name;  ///< "debug parse"
  std::vector<std::string> words;
};

Typed find_typed(std::vector<std::string> words) {
  Typed typed{&find_command(commands(), words[0], ""), words[0], {words.begin() + 1, words.end()}};
  while (!typed.command->verbs.empty()) {
    if (typed.words.empty() || typed.words[0] == "--help" || typed.words[0] == "-h") {
      typed.words = {"--help"};
      return typed;
    }
    std::string word = typed.words[0];
    typed.command = &find_command(typed.command->verbs, word, " of imgb " + typed.name);
    typed.name += " " + word;
    typed.words.erase(typed.words.begin());
  }
  return typed;
}

int run_verb(const Typed& typed, Globals globals, std::optional<CliEnv>& env) {
  if (!typed.command->verbs.empty()) {
    env.emplace(std::move(globals));
    env->print(render_command_list_help(typed.name, *typed.command));
    return 0;
  }
  std::unique_ptr<Verb> verb = typed.command->make();
  Flags flags;
  verb->describe(flags);
  globals.describe(flags);
  auto parsed = in_context([&] { return typed.name; },
                           [&] {
                             try {
                               return flags.parse(typed.words);
                             } catch (Error& e) {
                               e.set_hint("see imgb " + typed.name + " --help");
                               throw;
                             }
                           });
  env.emplace(std::move(globals));
  if (parsed == Flags::Parsed::help) {
    env->print(render_verb_help(typed.name, *typed.command, flags));
    return 0;
  }
  return verb->run(*env);
}

}  // namespace

int run_program(std::span<const std::string> words) {
  std::optional<CliEnv> env;
  FailureOptions options;
  try {
    Globals globals;
    Flags flags;
    bool help = false, version = false;
    globals.describe(flags);
    flags.boolean(version, "v,version", "Print the version");
    std::vector<std::string> rest = flags.parse_leading(words, help);
    if (version) rest = {"version"};
    if (rest.empty() || help) {
      env.emplace(globals);
      env->print(render_program_help());
      return help ? 0 : 2;
    }
    Typed typed = find_typed(std::move(rest));
    options.failure_code = typed.command->failure_code;
    options.usage_code = typed.command->usage_code;
    return run_verb(typed, std::move(globals), env);
  } catch (const std::exception& e) {
    if (env) env->close_screen();
    if (env) options.signal = env->stop_signal(), options.debug = env->globals().debug;
    if (env) options.hint = env->hint_for(e);
    Failure failure = render_failure(e, options);
    write_error_text(failure.text);
    return failure.exit_code;
  }
}

}  // namespace imgb
