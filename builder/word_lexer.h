#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "builder/environment.h"

namespace imgb {

/// How a word is read. The defaults are those of an instruction's words.
struct WordRules {
  char escape = '\\';
  bool keep_quotes = false;      ///< Quotes work but stay in the result.
  bool keep_escapes = false;     ///< Escapes work but stay in the result.
  bool keep_unset = false;       ///< A variable that is not set stays as written.
  bool quotes_are_text = false;  ///< Quotes are ordinary characters.
};

struct LexedWord {
  std::string text;                ///< The whole, not split.
  std::vector<std::string> words;  ///< Split at blanks that stand in no quotes; no empty ones.
};

/// The grammar of words (dockerfile.md 2): quotes, escapes, $name and ${...}; also "<<" with the blanks that follow it,
/// which keep a heredoc's marker and name together. Errors: Error(input) without the `failed to process` prefix.
LexedWord lex_word(std::string_view source, const Environment& env, const WordRules& rules);

}  // namespace imgb
