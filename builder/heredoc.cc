#include "builder/heredoc.h"

#include <algorithm>

#include "builder/word_lexer.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::ptrdiff_t count_quotes(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c == '\'' || c == '"'; });
}

}  // namespace

std::string chomp_heredoc(std::string_view content) {
  std::string chomped;
  bool at_start = true;
  for (char c : content) {
    if (at_start && c == '\t') continue;
    chomped += c;
    at_start = c == '\n';
  }
  return chomped;
}

std::optional<Heredoc> find_heredoc(std::string_view word) {
  std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  std::string_view rest = word.substr(digits);
  if (!rest.starts_with("<<")) return std::nullopt;
  rest.remove_prefix(2);
  Heredoc found;
  found.fd = static_cast<unsigned>(find_unsigned(word.substr(0, digits)).value_or(0));
  if (rest.starts_with('-')) {
    found.chomp = true;
    rest.remove_prefix(1);
  }
  while (!rest.empty() && std::string_view(" \t\n\f\r").find(rest.front()) != std::string_view::npos) {
    rest.remove_prefix(1);
  }
  if (rest.empty() || rest.find('<') != std::string_view::npos) return std::nullopt;
  const Environment nothing;
  std::vector<std::string> words = lex_word(rest, nothing, {.keep_unset = true}).words;
  if (words.size() != 1) return std::nullopt;
  std::vector<std::string> quoted = lex_word(rest, nothing, {.keep_quotes = true, .keep_unset = true}).words;
  found.name = words.front();
  // A quote that vanished was a real one; escaped quotes are part of the name.
  found.expand = quoted.size() == 1 && count_quotes(words.front()) == count_quotes(quoted.front());
  return found;
}

void check_file_name(const Heredoc& heredoc) {
  const std::string& name = heredoc.name;
  if (name == "." || name == ".." || name.size() > 255 || name.find('/') != std::string::npos) {
    throw_error(ErrorKind::input, "heredoc {} cannot become a file: its delimiter is no file name", go_quote(name));
  }
}

std::vector<Heredoc> heredocs_of_line(std::string_view line) {
  std::vector<Heredoc> found;
  if (line.find("<<") == std::string_view::npos) return found;
  std::vector<std::string> words;
  try {
    words = lex_word(line, Environment(), {.keep_quotes = true, .keep_escapes = true, .keep_unset = true}).words;
  } catch (const Error&) {
    return found;  // A line that is no list of words, as "RUN echo ${x!<<EOF", announces nothing: the shell judges it.
  }
  for (const std::string& word : words) {
    if (auto heredoc = find_heredoc(word)) found.push_back(std::move(*heredoc));
  }
  return found;
}

}  // namespace imgb
