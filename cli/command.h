#pragma once
#include <memory>
#include <span>
#include <string_view>

#include "cli/env.h"
#include "cli/flags.h"

namespace imgb {

/// What a verb does. Its members are its options: made when it is the verb that was typed, and by the generators of the
/// man page and the completion, which only ask for the description.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual void describe(Flags& flags) = 0;
  /// Wires, calls one facade, prints one result. Returns the exit code; failures are exceptions.
  virtual int run(CliEnv& env) = 0;
};

/// One line of the table of verbs.
struct Command {
  std::string_view name;
  std::string_view help;  ///< One line, no full stop.
  std::unique_ptr<Verb> (*make)();
  /// Verbs of their own below this one ("debug parse"); when there are some, `make` is null.
  std::span<const Command> verbs = {};
  /// What a wrong command line and imgb's own failures exit with (docker run: 125).
  int failure_code = 1, usage_code = 2;
};

template <class V>
std::unique_ptr<Verb> make_verb() {
  return std::make_unique<V>();
}

/// Every verb, in the order that `imgb --help` shows them.
std::span<const Command> commands();

}  // namespace imgb
