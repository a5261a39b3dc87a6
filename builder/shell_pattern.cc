#include "builder/shell_pattern.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "builder/text_scan.h"
#include "core/base/error.h"

namespace imgb {
namespace {

struct Token {
  enum Kind { literal, any, star } kind;
  char32_t value = 0;
};
using Tokens = std::vector<Token>;
using Points = std::u32string;

Points decode(std::string_view text) {
  Points points;
  while (!text.empty()) {
    CodePoint c = first_code_point(text);
    points.push_back(c.value);
    text.remove_prefix(c.size);
  }
  return points;
}

Tokens compile(std::string_view pattern) {
  Tokens tokens;
  const Points points = decode(pattern);
  for (std::size_t i = 0; i < points.size(); ++i) {
    char32_t c = points[i];
    if (c == '*') {
      // Adjacent stars are one: the matcher relies on it.
      if (tokens.empty() || tokens.back().kind != Token::star) tokens.push_back({Token::star});
      continue;
    }
    if (c == '?') {
      tokens.push_back({Token::any});
      continue;
    }
    if (c == '\\') {
      char32_t next = i + 1 < points.size() ? points[i + 1] : 0;
      if (next == 0 || std::u32string_view(U"*?\\}/").find(next) == std::u32string_view::npos) {
        throw_error(ErrorKind::input, "invalid pattern ({}) in substitution: invalid escape '\\{}'", pattern,
                    next != 0 && next < 0x80 ? std::string(1, static_cast<char>(next)) : "");
      }
      c = next;
      ++i;
    }
    tokens.push_back({Token::literal, c});
  }
  return tokens;
}

struct Match {
  std::size_t begin, end;
};

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

/// Simulates the pattern as an automaton: `from_[i]` is the leftmost start from which the first i tokens match up to
/// here. One pass over the text finds the leftmost match and its extent.
class Search {
 public:
  Search(const Tokens& tokens, const Points& text, Extent extent)
      : tokens_(tokens), text_(text), extent_(extent), from_(tokens.size() + 1, kNowhere), next_(from_) {}

  std::optional<Match> run(std::size_t begin, bool anchored) {
    std::fill(from_.begin(), from_.end(), kNowhere);
    best_.reset();
    enter(from_, 0, begin);
    note(begin);
    for (std::size_t at = begin; at < text_.size() && !done(); ++at) {
      step(text_[at]);
      if (!anchored && !best_) enter(next_, 0, at + 1);
      from_.swap(next_);
      note(at + 1);
    }
    return best_;
  }

 private:
  void enter(std::vector<std::size_t>& states, std::size_t state, std::size_t start) {
    states[state] = std::min(states[state], start);
    // A star may match nothing.
    if (state < tokens_.size() && tokens_[state].kind == Token::star) {
      states[state + 1] = std::min(states[state + 1], start);
    }
  }

  void step(char32_t c) {
    std::fill(next_.begin(), next_.end(), kNowhere);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (from_[i] == kNowhere) continue;
      const Token& token = tokens_[i];
      bool taken = token.kind == Token::literal ? token.value == c : c != '\n';
      if (taken) enter(next_, token.kind == Token::star ? i : i + 1, from_[i]);
    }
  }

  void note(std::size_t at) {
    std::size_t start = from_.back();
    if (start == kNowhere) return;
    if (!best_ || start < best_->begin || (start == best_->begin && extent_ == Extent::longest)) best_ = {start, at};
  }

  /// Whether no live state can better what was found.
  bool done() const {
    if (!best_) return std::all_of(from_.begin(), from_.end(), [](std::size_t s) { return s == kNowhere; });
    return std::none_of(from_.begin(), from_.end() - 1, [&](std::size_t start) {
      return extent_ == Extent::longest ? start <= best_->begin : start < best_->begin;
    });
  }

  const Tokens& tokens_;
  const Points& text_;
  Extent extent_;
  std::vector<std::size_t> from_, next_;
  std::optional<Match> best_;
};

void check_work(const Tokens& tokens, const Points& text) {
  if ((tokens.size() + 1) * (text.size() + 1) > kMaxPatternWork) {
    throw_error(ErrorKind::input, "pattern of {} characters is too long for a value of {}", tokens.size(), text.size());
  }
}

void append(std::string& out, std::string_view value, std::size_t& byte, std::size_t points) {
  std::size_t end = byte;
  while (points-- > 0) end += first_code_point(value.substr(end)).size;
  out += value.substr(byte, end - byte);
  byte = end;
}

std::size_t skip(std::string_view value, std::size_t byte, std::size_t points) {
  while (points-- > 0) byte += first_code_point(value.substr(byte)).size;
  return byte;
}

std::string replace(std::string_view value, std::string_view pattern, std::string_view replacement, bool all) {
  const Tokens tokens = compile(pattern);
  const Points text = decode(value);
  check_work(tokens, text);
  Search search(tokens, text, Extent::longest);
  std::string out;
  std::size_t byte = 0, copied = 0, at = 0;
  std::optional<std::size_t> last_end;
  while (at <= text.size()) {
    auto found = search.run(at, false);
    if (!found) break;
    append(out, value, byte, found->begin - copied);
    copied = found->begin;
    bool empty = found->begin == found->end;
    // An empty match that touches the one before does not count.
    if (!empty || last_end != found->begin) out += replacement;
    byte = skip(value, byte, found->end - found->begin);
    copied = found->end;
    last_end = found->end;
    if (!all) break;
    at = empty ? found->end + 1 : found->end;
  }
  return out += value.substr(byte);
}

}  // namespace

std::string remove_prefix(std::string_view value, std::string_view pattern, Extent extent) {
  const Tokens tokens = compile(pattern);
  const Points text = decode(value);
  check_work(tokens, text);
  auto found = Search(tokens, text, extent).run(0, true);
  return std::string(value.substr(found ? skip(value, 0, found->end) : 0));
}

std::string remove_suffix(std::string_view value, std::string_view pattern, Extent extent) {
  Tokens tokens = compile(pattern);
  Points text = decode(value);
  check_work(tokens, text);
  std::reverse(tokens.begin(), tokens.end());
  std::reverse(text.begin(), text.end());
  auto found = Search(tokens, text, extent).run(0, true);
  return std::string(value.substr(0, found ? skip(value, 0, text.size() - found->end) : value.size()));
}

std::string replace_first(std::string_view value, std::string_view pattern, std::string_view replacement) {
  return replace(value, pattern, replacement, false);
}

std::string replace_all(std::string_view value, std::string_view pattern, std::string_view replacement) {
  return replace(value, pattern, replacement, true);
}

}  // namespace imgb
