#include "builder/expand.h"

#include "builder/dockerfile_error.h"
#include "builder/word_lexer.h"
#include "core/base/text.h"

namespace imgb {
namespace {

LexedWord expand(std::string_view raw, const Environment& env, const WordRules& rules) {
  try {
    return lex_word(raw, env, rules);
  } catch (const Error& e) {
    throw WordError(e.kind(), fmt::format("failed to process {}: {}", printable(go_quote(raw)), e.message()),
                    std::string(raw));
  }
}

bool is_literal(std::string_view raw, char escape) {
  return raw.find_first_of("$'\"") == std::string_view::npos && raw.find(escape) == std::string_view::npos;
}

}  // namespace

std::string expand_word(const Word& word, const Environment& env, char escape) {
  if (is_literal(word.raw, escape)) return word.raw;
  return expand(word.raw, env, {.escape = escape}).text;
}

std::vector<std::string> expand_words(const Word& word, const Environment& env, char escape) {
  return expand(word.raw, env, {.escape = escape}).words;
}

std::string expand_heredoc(std::string_view body, const Environment& env) {
  return expand(body, env, {.quotes_are_text = true}).text;
}

}  // namespace imgb
