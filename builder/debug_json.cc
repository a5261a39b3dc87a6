#include "builder/debug_json.h"

#include <nlohmann/json.hpp>

#include "builder/expand.h"
#include "builder/glob.h"
#include "builder/ignore.h"
#include "builder/parsed_file.h"
#include "core/base/error.h"
#include "core/base/rooted_path.h"
#include "core/base/text.h"
#include "core/oci/reference.h"

namespace imgb {
namespace {

using nlohmann::ordered_json;

/// Bytes that are not UTF-8 become U+FFFD: JSON cannot say them.
std::string dump(const ordered_json& json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

ordered_json heredoc_json(const Heredoc& heredoc) {
  return {{"name", heredoc.name}, {"content", heredoc.content}, {"expand", heredoc.expand}, {"chomp", heredoc.chomp}};
}

ordered_json instruction_json(const RawInstruction& raw) {
  ordered_json pairs = ordered_json::array(), heredocs = ordered_json::array();
  for (const auto& [key, value] : raw.pairs) pairs.push_back(ordered_json::array({key, value}));
  for (const Heredoc& heredoc : raw.heredocs) heredocs.push_back(heredoc_json(heredoc));
  return {{"name", raw.name},
          {"lines", {raw.lines.first, raw.lines.last}},
          {"flags", raw.flags},
          {"json", raw.json},
          {"args", raw.args},
          {"pairs", std::move(pairs)},
          {"heredocs", std::move(heredocs)}};
}

}  // namespace

std::string debug_parse(std::string file_name, std::string text) {
  ParsedFile file = parse_file(std::make_shared<const SourceText>(SourceText{std::move(file_name), std::move(text)}));
  ordered_json instructions = ordered_json::array();
  for (const RawInstruction& raw : file.instructions) instructions.push_back(instruction_json(raw));
  return dump({{"escape", std::string(1, file.escape)}, {"instructions", std::move(instructions)}});
}

std::string debug_expand(std::string_view word, std::span<const std::string> env, char escape, bool words) {
  const Environment environment(env);
  const Word source{std::string(word)};
  if (words) return dump(expand_words(source, environment, escape));
  return dump(expand_word(source, environment, escape));
}

std::string debug_ignore(std::string_view ignore_file, std::span<const std::string> paths) {
  const IgnoreMatcher matcher(parse_ignore_file(ignore_file));
  ordered_json answers = ordered_json::object();
  for (const std::string& path : paths) {
    RootedPath clean = RootedPath::clean(path);
    answers[path] = !clean.is_root() && matcher.ignores(clean.relative());
  }
  return dump(answers);
}

std::string debug_match(std::string_view pattern, std::string_view path) {
  auto matched = match_path(pattern, path);
  if (!matched) throw_error(ErrorKind::input, "syntax error in pattern {}", printable(go_quote(pattern)));
  return *matched ? "true" : "false";
}

std::string debug_reference(std::string_view name) {
  Reference reference = Reference::parse(name);
  ordered_json json{{"domain", reference.domain()},
                    {"path", reference.path()},
                    {"tag", reference.tag() ? ordered_json(*reference.tag()) : ordered_json()},
                    {"digest", reference.digest() ? ordered_json(reference.digest()->str()) : ordered_json()},
                    {"familiar", reference.familiar()},
                    {"canonical", reference.canonical()}};
  return dump(json);
}

}  // namespace imgb
