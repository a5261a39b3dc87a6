#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "builder/mount_spec.h"
#include "builder/parsed_file.h"
#include "builder/word.h"

namespace imgb {

/// A command line: in exec form argv itself, in shell form one string for SHELL.
struct CommandLine {
  bool exec_form = false;
  std::vector<std::string> args;  ///< Shell form: exactly one, the text as written.
};

enum class RunNetwork { none, standard, host };  ///< --network; `standard` is Docker's "default".
enum class RunSecurity { sandbox, insecure };    ///< --security

/// RUN. Never expanded but for mount options. With heredocs the form is shell form; `lower_run` (lower_run.h) says
/// what then is run.
struct Run {
  CommandLine command;
  std::vector<Heredoc> heredocs;
  std::vector<MountSpec> mounts;
  std::optional<RunNetwork> network;    ///< nullopt: as the build says.
  std::optional<RunSecurity> security;  ///< nullopt: sandbox.
  std::vector<std::string> flags;       ///< As written, for progress labels.
};

/// What COPY and ADD share. Paths and heredocs are copied in this order: all paths, then all heredocs.
struct Transfer {
  std::vector<Word> sources;      ///< Paths (ADD: also URLs), without the heredocs.
  std::vector<Heredoc> heredocs;  ///< Files named by their delimiter.
  Word destination;
  std::optional<Word> chown, chmod;
  bool link = false;
  bool parents = false;
  std::vector<std::string> exclude;  ///< .dockerignore-like patterns, never expanded.
};
struct Copy : Transfer {
  std::string from;  ///< Stage name or index, named context or image; "" is the build context.
};
struct Add : Transfer {
  std::optional<Word> checksum;
  std::optional<bool> unpack;  ///< nullopt: local archives are, downloads are not.
};

struct KeyValue {
  Word key, value;
};
struct Env {
  std::vector<KeyValue> pairs;
};
struct Label {
  std::vector<KeyValue> pairs;
};
struct ArgDeclaration {
  std::string name;           ///< As written: names are not expanded.
  std::optional<Word> value;  ///< nullopt: no default. "ARG x=" has an empty one.
};
struct Arg {
  std::vector<ArgDeclaration> args;
};
struct Cmd {
  CommandLine command;
};
struct Entrypoint {
  CommandLine command;
};
struct Expose {
  std::vector<Word> ports;  ///< Each may expand to several.
};
struct User {
  Word user;
};
struct Workdir {
  Word path;
};
struct Volume {
  std::vector<Word> paths;
};
struct StopSignal {
  Word signal;
};
struct Shell {
  std::vector<std::string> argv;
};
struct HealthcheckInstruction {
  std::vector<std::string> test;  ///< {"NONE"}, {"CMD", ...} or {"CMD-SHELL", text}.
  std::int64_t interval = 0, timeout = 0, start_period = 0, start_interval = 0;  ///< Nanoseconds; 0: default.
  std::int64_t retries = 0;                                                      ///< 0: default.
};
struct Onbuild {
  std::string trigger;  ///< For the image's OnBuild list, heredoc bodies included.
};
struct Maintainer {
  std::string name;
};

using AnyInstruction = std::variant<Run, Copy, Add, Env, Label, Arg, Cmd, Entrypoint, Expose, User, Workdir, Volume,
                                    StopSignal, Shell, HealthcheckInstruction, Onbuild, Maintainer>;

/// A validated instruction. Words are unexpanded: expand them (expand.h) with the stage's environment *before* this
/// instruction.
struct Instruction {
  std::string name;  ///< Upper case.
  LineRange lines;
  std::string original;  ///< As written, continuations joined, without heredoc bodies.
  std::vector<std::string> comments;
  AnyInstruction what;
};

/// FROM and what follows it. Base and platform see only the global scope (dockerfile.md 2, table).
struct Stage {
  std::string name;  ///< Lower case; "" when unnamed.
  Word base;
  std::optional<Word> platform;
  LineRange lines;  ///< Of FROM.
  std::string original;
  std::vector<std::string> comments;
  std::vector<Instruction> instructions;
};

struct GlobalArg {
  ArgDeclaration arg;
  LineRange lines;
  std::vector<std::string> comments;
};

/// A whole Dockerfile, understood. At least one stage.
struct Dockerfile {
  SharedSource source;
  char escape = '\\';
  std::vector<Directive> directives;
  std::vector<GlobalArg> global_args;
  std::vector<Stage> stages;
};

/// Parses and validates (dockerfile.md 1 and 3; messages as BuildKit's). Linear in the size of the text.
/// Errors: DockerfileError with the lines; kind input, or unsupported for what imgb cannot do yet.
Dockerfile parse_dockerfile(SharedSource source);
Dockerfile parse_dockerfile(std::string name, std::string text);

/// One entry of an image's OnBuild list. The escape character is a backslash, as in BuildKit.
/// Errors: Error(input), also for ONBUILD, FROM and MAINTAINER.
Instruction parse_trigger(std::string_view text);

}  // namespace imgb
