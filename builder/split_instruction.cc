#include "builder/split_instruction.h"

#include <algorithm>
#include <array>

#include "builder/dockerfile_error.h"
#include "builder/json_array.h"
#include "builder/text_scan.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

struct HeadAndRest {
  std::string_view head, rest;
};

/// Cuts at the first run of blanks.
HeadAndRest cut_head(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && !is_blank(text[end])) ++end;
  std::size_t next = end;
  while (next < text.size() && is_blank(text[next])) ++next;
  return {text.substr(0, end), text.substr(next)};
}

std::string upper_ascii(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

bool is_ascii_space(char c) { return c == '\n' || is_blank(c); }

/// One flag at the start of `rest`, quotes and escapes removed. The escape is a backslash whatever the file says.
std::string take_flag(std::string_view& rest) {
  std::string flag;
  char quote = 0;
  std::size_t at = 0;
  for (; at < rest.size(); ++at) {
    char c = rest[at];
    if (quote == 0 && is_ascii_space(c)) break;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c != '\\') {
      flag += c;
    } else if (at + 1 < rest.size()) {
      flag += rest[++at];
    }
  }
  rest.remove_prefix(at);
  return flag;
}

std::vector<std::string> take_flags(std::string_view& rest) {
  std::vector<std::string> flags;
  while (true) {
    while (!rest.empty() && is_ascii_space(rest.front())) rest.remove_prefix(1);
    if (!rest.starts_with("--")) return flags;
    std::string flag = take_flag(rest);
    if (flag == "--") return flags;
    if (!flag.empty()) flags.push_back(std::move(flag));
  }
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    auto [head, rest] = cut_head(text);
    words.emplace_back(head);
    text = rest;
  }
  return words;
}

void parse_text(RawInstruction& into, std::string_view rest) {
  if (!rest.empty()) into.args.emplace_back(rest);
}

void parse_json_or_text(RawInstruction& into, std::string_view rest) {
  if (auto strings = find_json_strings(rest)) {
    into.json = true;
    into.args.insert(into.args.end(), strings->begin(), strings->end());
  } else {
    parse_text(into, rest);
  }
}

void parse_json_or_words(RawInstruction& into, std::string_view rest) {
  if (auto strings = find_json_strings(rest)) {
    into.json = true;
    into.args = std::move(*strings);
  } else {
    into.args = split_blanks(rest);
  }
}

void parse_healthcheck(RawInstruction& into, std::string_view rest) {
  std::size_t end = 0;
  while (end < rest.size() && !is_ascii_space(rest[end])) ++end;
  if (end == 0) return;
  into.args.emplace_back(rest.substr(0, end));
  parse_json_or_text(into, trim_spaces_left(rest.substr(end)));
}

void parse_pairs(RawInstruction& into, std::string_view rest, char escape) {
  std::vector<std::string> words = split_quoted_words(rest, escape);
  if (words.empty()) return;
  if (words.front().find('=') == std::string::npos) {
    auto [key, value] = cut_head(rest);
    if (key.size() == rest.size()) throw_error(ErrorKind::input, "{} must have two arguments", into.name);
    into.pairs.emplace_back(key, value);
    into.legacy_pair = true;
    return;
  }
  for (const std::string& word : words) {
    std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw WordError(
          ErrorKind::input,
          fmt::format("Syntax error - can't find = in {}. Must be of the form: name=value", printable(go_quote(word))),
          word);
    }
    into.pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
}

enum class Grammar { text, json_or_text, json_or_words, words, quoted_words, pairs, healthcheck };
struct Rule {
  std::string_view name;
  Grammar grammar;
};
constexpr std::array<Rule, 18> kRules{{
    {"ADD", Grammar::json_or_words},
    {"ARG", Grammar::quoted_words},
    {"CMD", Grammar::json_or_text},
    {"COPY", Grammar::json_or_words},
    {"ENTRYPOINT", Grammar::json_or_text},
    {"ENV", Grammar::pairs},
    {"EXPOSE", Grammar::words},
    {"FROM", Grammar::words},
    {"HEALTHCHECK", Grammar::healthcheck},
    {"LABEL", Grammar::pairs},
    {"MAINTAINER", Grammar::text},
    {"ONBUILD", Grammar::text},
    {"RUN", Grammar::json_or_text},
    {"SHELL", Grammar::json_or_text},
    {"STOPSIGNAL", Grammar::text},
    {"USER", Grammar::text},
    {"VOLUME", Grammar::json_or_words},
    {"WORKDIR", Grammar::text},
}};

void parse_arguments(RawInstruction& into, Grammar grammar, std::string_view rest, char escape) {
  switch (grammar) {
    case Grammar::text:
      return parse_text(into, rest);
    case Grammar::json_or_text:
      return parse_json_or_text(into, rest);
    case Grammar::json_or_words:
      return parse_json_or_words(into, rest);
    case Grammar::words:
      into.args = split_blanks(rest);
      return;
    case Grammar::quoted_words:
      into.args = split_quoted_words(rest, escape);
      return;
    case Grammar::pairs:
      return parse_pairs(into, rest, escape);
    case Grammar::healthcheck:
      return parse_healthcheck(into, rest);
  }
}

}  // namespace

std::vector<std::string> split_quoted_words(std::string_view text, char escape) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  while (!text.empty()) {
    CodePoint c = first_code_point(text);
    std::string_view bytes = text.substr(0, c.size);
    text.remove_prefix(c.size);
    if (quote == 0 && is_space(c.value)) {
      end_word();
      continue;
    }
    if (bytes.front() == escape && quote != '\'') {
      if (text.empty()) break;  // An escape at the end of the line escapes nothing and goes.
      word += bytes;
      std::size_t next = first_code_point(text).size;
      word += text.substr(0, next);
      text.remove_prefix(next);
      continue;
    }
    if (quote == 0 && (bytes == "'" || bytes == "\"")) {
      quote = bytes.front();
    } else if (bytes.front() == quote) {
      quote = 0;
    }
    word += bytes;
  }
  end_word();
  return words;
}

std::string instruction_name(std::string_view line) { return upper_ascii(cut_head(trim_spaces(line)).head); }

RawInstruction split_instruction(std::string_view line, char escape) {
  auto [name, rest] = cut_head(trim_spaces(line));
  RawInstruction made;
  made.name = upper_ascii(name);
  made.original = line;
  made.flags = take_flags(rest);
  const Rule* rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& r) { return r.name == made.name; });
  // An unknown instruction has no grammar; the semantic pass names it.
  if (rule != kRules.end()) parse_arguments(made, rule->grammar, trim_spaces(rest), escape);
  return made;
}

}  // namespace imgb
