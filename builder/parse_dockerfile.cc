#include <algorithm>

#include "builder/dockerfile_error.h"
#include "builder/instructions.h"
#include "builder/parse_instruction.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr FlagRule kFromFlags[] = {{"platform", FlagKind::text}};

bool is_stage_name(std::string_view name) {
  if (name.empty() || name.front() < 'a' || name.front() > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::string stage_name(const std::vector<std::string>& args) {
  if (args.size() == 1) return "";
  if (args.size() != 3 || !iequals_ascii(args[1], "as")) {
    throw_error(ErrorKind::input, "FROM requires either one or three arguments");
  }
  std::string name = lower_ascii(args[2]);
  if (!is_stage_name(name)) {
    throw_error(ErrorKind::input, "invalid name for build stage: {}, name can't start with a number or contain symbols",
                printable(go_quote(args[2])));
  }
  return name;
}

Stage parse_from(const RawInstruction& raw) {
  Stage stage;
  stage.name = stage_name(raw.args);
  FlagSet flags(raw.flags, kFromFlags);
  stage.base = {raw.args.front()};
  if (auto platform = flags.find("platform"); platform && !platform->empty()) stage.platform = Word{*platform};
  stage.lines = raw.lines;
  stage.original = raw.original;
  stage.comments = raw.comments;
  return stage;
}

void add_instruction(Dockerfile& into, const RawInstruction& raw) {
  if (raw.name == "FROM") {
    into.stages.push_back(parse_from(raw));
    return;
  }
  Instruction made = parse_instruction(raw);
  if (!into.stages.empty()) {
    into.stages.back().instructions.push_back(std::move(made));
    return;
  }
  auto* arg = std::get_if<Arg>(&made.what);
  if (arg == nullptr) throw_error(ErrorKind::input, "no build stage in current context");
  for (ArgDeclaration& declaration : arg->args) {
    into.global_args.push_back({std::move(declaration), raw.lines, raw.comments});
  }
}

}  // namespace

Dockerfile parse_dockerfile(SharedSource source) {
  ParsedFile file = parse_file(source);
  Dockerfile made;
  made.source = std::move(source);
  made.escape = file.escape;
  made.directives = std::move(file.directives);
  for (const RawInstruction& raw : file.instructions) {
    try {
      add_instruction(made, raw);
    } catch (const Error& e) {
      throw DockerfileError(e.kind(),
                            fmt::format("dockerfile parse error on line {}: {}", raw.lines.first, e.message()),
                            made.source, {locate(*made.source, raw.lines, e)});
    }
  }
  if (made.stages.empty()) {
    throw DockerfileError(ErrorKind::input, "dockerfile contains no stages to build", made.source, {});
  }
  return made;
}

Dockerfile parse_dockerfile(std::string name, std::string text) {
  return parse_dockerfile(std::make_shared<const SourceText>(SourceText{std::move(name), std::move(text)}));
}

Instruction parse_trigger(std::string_view text) {
  ParsedFile file = parse_file(std::make_shared<const SourceText>(SourceText{"ONBUILD trigger", std::string(text)}));
  if (file.instructions.size() != 1) throw_error(ErrorKind::input, "onbuild trigger should be a single expression");
  const RawInstruction& raw = file.instructions.front();
  for (std::string_view refused : {"ONBUILD", "FROM", "MAINTAINER"}) {
    if (raw.name == refused) throw_error(ErrorKind::input, "{} isn't allowed as an ONBUILD trigger", refused);
  }
  return parse_instruction(raw);
}

}  // namespace imgb
