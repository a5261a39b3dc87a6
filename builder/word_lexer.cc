#include "builder/word_lexer.h"

#include "builder/expand.h"
#include "builder/shell_pattern.h"
#include "builder/text_scan.h"
#include "core/base/error.h"

namespace imgb {
namespace {

/// Collects a result, whole and split into words.
class Output {
 public:
  void plain(std::string_view bytes) {
    text_ += bytes;
    while (!bytes.empty()) {
      std::size_t size = word_part_size(bytes);
      word_ += bytes.substr(0, size);
      bytes.remove_prefix(size);
      if (bytes.empty()) return;
      end_word();
      bytes.remove_prefix(first_code_point(bytes).size);
    }
  }
  void quoted(std::string_view bytes) {
    text_ += bytes;
    word_ += bytes;
  }
  LexedWord finish() {
    end_word();
    return {std::move(text_), std::move(words_)};
  }

 private:
  static std::size_t word_part_size(std::string_view bytes) {
    std::size_t size = 0;
    while (size < bytes.size()) {
      CodePoint c = first_code_point(bytes.substr(size));
      if (is_space(c.value)) break;
      size += c.size;
    }
    return size;
  }
  void end_word() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    word_.clear();
  }

  std::string text_, word_;
  std::vector<std::string> words_;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_special_parameter(char c) { return std::string_view("@*#?-$!").find(c) != std::string_view::npos; }

class Lexer {
 public:
  Lexer(std::string_view source, const Environment& env, const WordRules& rules)
      : source_(source), env_(env), rules_(rules), keep_escapes_(rules.keep_escapes) {}

  LexedWord run() {
    Output out;
    scan(0, out);
    return out.finish();
  }

 private:
  bool at_end() const { return at_ == source_.size(); }
  char peek() const { return at_end() ? '\0' : source_[at_]; }

  /// Counts what is produced, what is thrown away again too, so that no input makes more work than this.
  std::string_view charged(std::string_view bytes) {
    if ((produced_ += bytes.size()) > kMaxExpandedBytes + source_.size()) {
      throw_error(ErrorKind::input, "expansion gives more than {} bytes", kMaxExpandedBytes);
    }
    return bytes;
  }

  /// Up to and past `stop`, or to the end when it is 0.
  void scan(char stop, Output& out) {
    while (!at_end()) {
      char c = peek();
      if (stop != 0 && c == stop) {
        ++at_;
        return;
      }
      if (c == '$') {
        out.plain(charged(dollar()));
      } else if (c == '<') {
        out.quoted(angle());
      } else if (!rules_.quotes_are_text && c == '\'') {
        out.quoted(charged(single_quoted()));
      } else if (!rules_.quotes_are_text && c == '"') {
        out.quoted(charged(double_quoted()));
      } else if (c == rules_.escape) {
        out.quoted(charged(escaped()));
      } else {
        out.plain(charged(ordinary(stop)));
      }
    }
    if (stop != 0) {
      throw_error(ErrorKind::input, "unexpected end of statement while looking for matching {}", stop);
    }
  }

  std::string_view ordinary(char stop) {
    std::size_t begin = at_;
    while (!at_end()) {
      char c = peek();
      if (c == '$' || c == '<' || c == rules_.escape || (stop != 0 && c == stop)) break;
      if (!rules_.quotes_are_text && (c == '\'' || c == '"')) break;
      ++at_;
    }
    return source_.substr(begin, at_ - begin);
  }

  std::string_view angle() {
    std::size_t begin = at_++;
    if (peek() == '<') {
      ++at_;
      while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) ++at_;
    }
    return source_.substr(begin, at_ - begin);
  }

  std::string_view escaped() {
    std::size_t begin = at_++;
    std::size_t text = keep_escapes_ ? begin : at_;
    if (!at_end()) at_ += first_code_point(source_.substr(at_)).size;
    return source_.substr(text, at_ - text);
  }

  std::string_view single_quoted() {
    std::size_t begin = at_;
    std::size_t end = source_.find('\'', begin + 1);
    if (end == std::string_view::npos) {
      at_ = source_.size();
      throw_error(ErrorKind::input, "unexpected end of statement while looking for matching single-quote");
    }
    at_ = end + 1;
    return rules_.keep_quotes ? source_.substr(begin, at_ - begin) : source_.substr(begin + 1, end - begin - 1);
  }

  std::string double_quoted() {
    std::string text;
    ++at_;
    if (rules_.keep_quotes) text += '"';
    while (!at_end()) {
      char c = peek();
      if (c == '"') {
        ++at_;
        if (rules_.keep_quotes) text += '"';
        return text;
      }
      if (c == '$') {
        text += charged(dollar());
        continue;
      }
      ++at_;
      if (c == rules_.escape) {
        if (at_end()) break;
        char next = peek();
        bool escapes = next == '"' || next == '$' || next == rules_.escape;
        if (keep_escapes_ || !escapes) text += c;
        if (!escapes) continue;
        c = next;
        ++at_;
      }
      text += c;
    }
    throw_error(ErrorKind::input, "unexpected end of statement while looking for matching double-quote");
  }

  std::string_view name() {
    std::size_t begin = at_;
    if (is_digit(peek())) {
      while (is_digit(peek())) ++at_;
    } else if (!at_end() && is_special_parameter(peek())) {
      ++at_;
    } else {
      while (!at_end()) {
        CodePoint c = first_code_point(source_.substr(at_));
        if (c.value != '_' && !is_letter_or_digit(c.value)) break;
        at_ += c.size;
      }
    }
    return source_.substr(begin, at_ - begin);
  }

  std::string dollar() {
    ++at_;
    if (peek() == '{') return braces();
    std::string_view variable = name();
    if (variable.empty()) return "$";
    const std::string* value = env_.find(variable);
    if (value == nullptr) return rules_.keep_unset ? "$" + std::string(variable) : "";
    return *value;
  }

  std::string braces() {
    if (++depth_ > kMaxExpansionDepth) {
      throw_error(ErrorKind::input, "substitutions nest deeper than {}", kMaxExpansionDepth);
    }
    ++at_;
    if (at_end()) throw_error(ErrorKind::input, "syntax error: missing '}}'");
    if (peek() == '{' || peek() == '}' || peek() == ':') {
      throw_error(ErrorKind::input, "syntax error: bad substitution");
    }
    std::string_view variable = name();
    std::string result = modified(variable, env_.find(variable));
    --depth_;
    return result;
  }

  std::string modified(std::string_view variable, const std::string* value) {
    std::size_t begin = at_;
    bool empty_is_unset = peek() == ':';
    if (empty_is_unset) ++at_;
    if (at_end()) throw_error(ErrorKind::input, "syntax error: missing '}}'");
    at_ += first_code_point(source_.substr(at_)).size;
    std::string_view written = source_.substr(begin, at_ - begin);
    if (written == "}") {
      if (value == nullptr) return rules_.keep_unset ? fmt::format("${{{}}}", variable) : "";
      return *value;
    }
    if (written == "/") return substituted(variable, value);
    if (std::string_view(empty_is_unset ? "+-?" : "+-?#%").find(written.back()) == std::string_view::npos) {
      unsupported(written);
    }
    std::string word = argument('}', written.back() == '#' || written.back() == '%', "missing '}'");
    if (rules_.keep_unset && value == nullptr) return fmt::format("${{{}{}{}}}", variable, written, word);
    bool set = value != nullptr && !(empty_is_unset && value->empty());
    switch (written.back()) {
      case '-':
        return set ? *value : word;
      case '+':
        return set ? word : "";
      case '?':
        return required(variable, value, set, word);
      case '#':
      case '%':
        return trimmed(value == nullptr ? "" : *value, word, written.back());
      default:
        unsupported(written);
    }
  }

  [[noreturn]] static void unsupported(std::string_view written) {
    throw_error(ErrorKind::input, "unsupported modifier ({}) in substitution", written);
  }

  static std::string required(std::string_view variable, const std::string* value, bool set, std::string_view message) {
    if (set) return *value;
    std::string_view reason = value == nullptr ? "is not allowed to be unset" : "is not allowed to be empty";
    throw_error(ErrorKind::input, "{}: {}", variable, message.empty() ? reason : message);
  }

  static std::string trimmed(std::string_view value, std::string_view pattern, char side) {
    Extent extent = Extent::shortest;
    if (!pattern.empty() && pattern.front() == side) {
      extent = Extent::longest;
      pattern.remove_prefix(1);
    }
    return side == '#' ? remove_prefix(value, pattern, extent) : remove_suffix(value, pattern, extent);
  }

  std::string substituted(std::string_view variable, const std::string* value) {
    bool all = peek() == '/';
    if (all) ++at_;
    std::string pattern = argument('/', true, "missing '/' in ${}");
    std::string replacement = argument('}', true, "missing '}'");
    if (value == nullptr && rules_.keep_unset) return fmt::format("${{{}/{}/{}}}", variable, pattern, replacement);
    std::string_view text = value == nullptr ? "" : std::string_view(*value);
    return all ? replace_all(text, pattern, replacement) : replace_first(text, pattern, replacement);
  }

  /// The part of ${...} up to `stop`. Whatever fails at the very end fails because the end is missing.
  std::string argument(char stop, bool keep_escapes, std::string_view missing) {
    bool before = keep_escapes_;
    keep_escapes_ = keep_escapes;
    Output out;
    try {
      scan(stop, out);
    } catch (const Error&) {
      if (at_end()) throw_error(ErrorKind::input, "syntax error: {}", missing);
      throw;
    }
    keep_escapes_ = before;
    return out.finish().text;
  }

  std::string_view source_;
  const Environment& env_;
  const WordRules& rules_;
  std::size_t at_ = 0, produced_ = 0;
  bool keep_escapes_;
  int depth_ = 0;
};

}  // namespace

LexedWord lex_word(std::string_view source, const Environment& env, const WordRules& rules) {
  return Lexer(source, env, rules).run();
}

}  // namespace imgb
