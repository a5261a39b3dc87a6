#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "builder/environment.h"
#include "builder/word.h"

namespace imgb {

/// How deep ${a:-${b:-...}} may nest.
inline constexpr int kMaxExpansionDepth = 100;
/// How long one expanded word may get: ENV a=$a$a in a loop doubles each time.
inline constexpr std::size_t kMaxExpandedBytes = 16 * 1024 * 1024;

/// Variable expansion and quote removal (dockerfile.md 2). `escape` is the file's escape character. Linear in input and
/// output. Errors: Error(input) `failed to process "<word>": ...`.
std::string expand_word(const Word& word, const Environment& env, char escape = '\\');
/// The same, then split at blanks that are not quoted: EXPOSE. May give no word at all.
std::vector<std::string> expand_words(const Word& word, const Environment& env, char escape = '\\');
/// Expands variables in the body of a heredoc: quotes stay, "\$" is a dollar.
std::string expand_heredoc(std::string_view body, const Environment& env);

}  // namespace imgb
