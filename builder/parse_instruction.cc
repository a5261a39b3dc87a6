#include "builder/parse_instruction.h"

#include <algorithm>
#include <array>

#include "builder/dockerfile_error.h"
#include "builder/split_instruction.h"
#include "builder/text_scan.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

void need_some(const RawInstruction& raw) {
  if (raw.args.empty() && raw.pairs.empty()) {
    throw_error(ErrorKind::input, "{} requires at least one argument", raw.name);
  }
}

const std::string& only_argument(const RawInstruction& raw) {
  if (raw.args.size() != 1) throw_error(ErrorKind::input, "{} requires exactly one argument", raw.name);
  return raw.args.front();
}

std::vector<KeyValue> pairs_of(const RawInstruction& raw) {
  refuse_flags(raw);
  need_some(raw);
  std::vector<KeyValue> pairs;
  for (const auto& [key, value] : raw.pairs) {
    if (key.empty()) throw_error(ErrorKind::input, "{} names can not be blank", raw.name);
    pairs.push_back({{key}, {value}});
  }
  return pairs;
}

std::vector<Word> words_of(const RawInstruction& raw) {
  need_some(raw);
  refuse_flags(raw);
  std::vector<Word> words;
  for (const std::string& arg : raw.args) words.push_back({arg});
  return words;
}

Arg parse_arg(const RawInstruction& raw) {
  need_some(raw);
  Arg arg;
  for (const std::string& word : raw.args) {
    std::size_t equals = word.find('=');
    if (equals == 0) throw_error(ErrorKind::input, "ARG names can not be blank");
    ArgDeclaration made{word.substr(0, equals), std::nullopt};
    if (equals != std::string::npos) made.value = Word{word.substr(equals + 1)};
    arg.args.push_back(std::move(made));
  }
  return arg;
}

Expose parse_expose(const RawInstruction& raw) {
  Expose expose{words_of(raw)};
  // As BuildKit does, before expansion: the order shows in the history.
  std::sort(expose.ports.begin(), expose.ports.end());
  return expose;
}

Volume parse_volume(const RawInstruction& raw) {
  Volume volume{words_of(raw)};
  for (Word& path : volume.paths) {
    path.raw = trim_spaces(path.raw);
    if (path.raw.empty()) throw_error(ErrorKind::input, "VOLUME specified can not be an empty string");
  }
  return volume;
}

Shell parse_shell(const RawInstruction& raw) {
  refuse_flags(raw);
  need_some(raw);
  if (!raw.json) throw_error(ErrorKind::input, "SHELL requires the arguments to be in JSON form");
  return {raw.args};
}

Onbuild parse_onbuild(const RawInstruction& raw) {
  need_some(raw);
  refuse_flags(raw);
  std::string trigger = instruction_name(raw.args.front());
  if (trigger == "ONBUILD") {
    throw_error(ErrorKind::input, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  }
  if (trigger == "FROM" || trigger == "MAINTAINER") {
    throw_error(ErrorKind::input, "{} isn't allowed as an ONBUILD trigger", trigger);
  }
  return {raw.trigger_text};
}

const std::string& only_argument_no_flags(const RawInstruction& raw) {
  const std::string& argument = only_argument(raw);
  refuse_flags(raw);
  return argument;
}

CommandLine command_no_flags(const RawInstruction& raw) {
  refuse_flags(raw);
  return command_line_of(raw);
}

struct Parser {
  std::string_view name;
  AnyInstruction (*parse)(const RawInstruction&);
};
constexpr std::array<Parser, 17> kParsers{{
    {"RUN", [](const RawInstruction& raw) -> AnyInstruction { return parse_run(raw); }},
    {"COPY", [](const RawInstruction& raw) -> AnyInstruction { return parse_copy(raw); }},
    {"ADD", [](const RawInstruction& raw) -> AnyInstruction { return parse_add(raw); }},
    {"ENV", [](const RawInstruction& raw) -> AnyInstruction { return Env{pairs_of(raw)}; }},
    {"LABEL", [](const RawInstruction& raw) -> AnyInstruction { return Label{pairs_of(raw)}; }},
    {"ARG", [](const RawInstruction& raw) -> AnyInstruction { return parse_arg(raw); }},
    {"CMD", [](const RawInstruction& raw) -> AnyInstruction { return Cmd{command_no_flags(raw)}; }},
    {"ENTRYPOINT", [](const RawInstruction& raw) -> AnyInstruction { return Entrypoint{command_no_flags(raw)}; }},
    {"EXPOSE", [](const RawInstruction& raw) -> AnyInstruction { return parse_expose(raw); }},
    {"USER", [](const RawInstruction& raw) -> AnyInstruction { return User{{only_argument_no_flags(raw)}}; }},
    {"WORKDIR", [](const RawInstruction& raw) -> AnyInstruction { return Workdir{{only_argument_no_flags(raw)}}; }},
    {"VOLUME", [](const RawInstruction& raw) -> AnyInstruction { return parse_volume(raw); }},
    {"STOPSIGNAL", [](const RawInstruction& raw) -> AnyInstruction { return StopSignal{{only_argument(raw)}}; }},
    {"SHELL", [](const RawInstruction& raw) -> AnyInstruction { return parse_shell(raw); }},
    {"HEALTHCHECK", [](const RawInstruction& raw) -> AnyInstruction { return parse_healthcheck(raw); }},
    {"ONBUILD", [](const RawInstruction& raw) -> AnyInstruction { return parse_onbuild(raw); }},
    {"MAINTAINER", [](const RawInstruction& raw) -> AnyInstruction { return Maintainer{only_argument_no_flags(raw)}; }},
}};

[[noreturn]] void unknown_instruction(const RawInstruction& raw) {
  std::vector<std::string> names{"FROM"};
  for (const Parser& parser : kParsers) names.emplace_back(parser.name);
  auto nearest = find_nearest(raw.name, names);
  throw WordError(ErrorKind::input,
                  fmt::format("unknown instruction: {}{}", printable(raw.name, 80),
                              nearest ? fmt::format(" (did you mean {}?)", *nearest) : ""),
                  raw.original.substr(0, raw.name.size()));
}

}  // namespace

void refuse_flags(const RawInstruction& raw) { FlagSet(raw.flags, {}); }

CommandLine command_line_of(const RawInstruction& raw) {
  if (raw.json) return {true, raw.args};
  return {false, {raw.args.empty() ? "" : raw.args.front()}};
}

Instruction parse_instruction(const RawInstruction& raw) {
  auto parser = std::find_if(kParsers.begin(), kParsers.end(), [&](const Parser& p) { return p.name == raw.name; });
  if (parser == kParsers.end()) unknown_instruction(raw);
  return {raw.name, raw.lines, raw.original, raw.comments, parser->parse(raw)};
}

}  // namespace imgb
