#include "builder/path_pattern.h"

#include <algorithm>

#include "builder/text_scan.h"

namespace imgb {

class PathPattern::Compiler {
 public:
  Compiler(std::string_view text, DoubleStar double_star) : rest_(text), double_star_(double_star) {}

  std::optional<PathPattern> run() {
    while (!rest_.empty()) {
      if (!take()) return std::nullopt;
    }
    find_literals();
    return std::move(made_);
  }

 private:
  bool take() {
    char c = rest_.front();
    rest_.remove_prefix(1);
    switch (c) {
      case '*':
        take_star();
        return true;
      case '?':
        made_.tokens_.push_back({Kind::any});
        return true;
      case '[':
        return take_group();
      case '\\':
        if (rest_.empty()) return false;
        add_byte(rest_.front());
        rest_.remove_prefix(1);
        return true;
      default:
        add_byte(c);
        return true;
    }
  }

  void add_byte(char c) { made_.tokens_.push_back({Kind::byte, c}); }

  /// Neighbours of one kind are merged, so that entering a token need look at one more only.
  void add_run(Kind kind) {
    if (made_.tokens_.empty() || made_.tokens_.back().kind != kind) made_.tokens_.push_back({kind});
  }

  void take_star() {
    if (double_star_ == DoubleStar::as_star || !rest_.starts_with('*')) return add_run(Kind::star);
    rest_.remove_prefix(1);
    if (rest_.starts_with('/')) rest_.remove_prefix(1);
    if (rest_.empty()) return add_run(Kind::everything);
    // "**name" at the very start takes any prefix at all, not only whole folders, as long as only text follows.
    bool whole = !made_.tokens_.empty() || rest_.find_first_of("*?[\\]") != std::string_view::npos || slash_eaten();
    add_run(whole ? Kind::folders : Kind::everything);
  }

  bool slash_eaten() const { return *(rest_.data() - 1) == '/'; }

  bool take_group() {
    Group group;
    if (rest_.starts_with('^')) {
      group.negated = true;
      rest_.remove_prefix(1);
    }
    while (true) {
      if (rest_.empty()) return false;
      if (rest_.front() == ']' && !group.ranges.empty()) break;
      auto first = take_group_character();
      if (!first) return false;
      auto last = first;
      if (rest_.starts_with('-')) {
        rest_.remove_prefix(1);
        last = take_group_character();
        if (!last) return false;
      }
      group.ranges.push_back({*first, *last});
    }
    rest_.remove_prefix(1);
    made_.tokens_.push_back({Kind::group, 0, static_cast<std::uint32_t>(made_.groups_.size())});
    made_.groups_.push_back(std::move(group));
    return true;
  }

  std::optional<char32_t> take_group_character() {
    if (rest_.empty() || rest_.front() == '-' || rest_.front() == ']') return std::nullopt;
    if (rest_.front() == '\\') rest_.remove_prefix(1);
    if (rest_.empty()) return std::nullopt;
    CodePoint c = first_code_point(rest_);
    rest_.remove_prefix(c.size);
    if (c.value > 0x10FFFF || rest_.empty()) return std::nullopt;
    return c.value;
  }

  bool stays_in_component(const Token& token) const {
    if (token.kind == Kind::group) return !made_.in_group(made_.groups_[token.group], '/');
    return token.kind == Kind::any || token.kind == Kind::star || (token.kind == Kind::byte && token.byte != '/');
  }

  /// What lets `matches` say no, or all, without looking at the tokens.
  void find_literals() {
    std::vector<Token>& tokens = made_.tokens_;
    if (tokens.size() > 1 && tokens.front().kind == Kind::folders) {
      made_.name_only_ =
          std::all_of(tokens.begin() + 1, tokens.end(), [&](const Token& token) { return stays_in_component(token); });
      if (made_.name_only_) tokens.erase(tokens.begin());
    }
    auto is_byte = [](const Token& token) { return token.kind == Kind::byte; };
    auto prefix_end = std::find_if_not(tokens.begin(), tokens.end(), is_byte);
    for (auto token = tokens.begin(); token != prefix_end; ++token) made_.prefix_ += token->byte;
    made_.literal_ = prefix_end == tokens.end();
    if (made_.literal_) return;
    if (tokens.front().kind == Kind::folders && tokens.back().kind == Kind::everything &&
        std::all_of(tokens.begin() + 1, tokens.end() - 1, is_byte)) {
      made_.inside_ = "/";
      for (auto token = tokens.begin() + 1; token != tokens.end() - 1; ++token) made_.inside_ += token->byte;
    }
    auto suffix_begin = std::find_if_not(tokens.rbegin(), tokens.rend(), is_byte).base();
    for (auto token = suffix_begin; token != tokens.end(); ++token) made_.suffix_ += token->byte;
  }

  std::string_view rest_;
  DoubleStar double_star_;
  PathPattern made_;
};

/// The set of tokens that may come next, as bits; bit tokens_.size() means matched.
class PathPattern::Run {
 public:
  explicit Run(const PathPattern& pattern) : pattern_(pattern), words_(pattern.tokens_.size() / 64 + 1) {
    if (words_ > kInlineWords) {
      many_.resize(words_ * 2);
      now_ = many_.data();
      next_ = now_ + words_;
    }
    enter(0);
    std::swap(now_, next_);
  }
  Run(const Run&) = delete;

  bool alive() const {
    return std::any_of(now_, now_ + words_, [](std::uint64_t word) { return word != 0; });
  }
  bool matched() const { return (now_[pattern_.tokens_.size() / 64] >> pattern_.tokens_.size() % 64 & 1) != 0; }

  void feed(std::string_view path) {
    while (!path.empty() && alive()) {
      CodePoint c = first_code_point(path);
      feed_character(path.substr(0, c.size), c.value);
      path.remove_prefix(c.size);
    }
  }

 private:
  /// Wildcards that take single characters see whole characters; literal bytes of a longer one are fed one by one.
  void feed_character(std::string_view bytes, char32_t value) {
    std::vector<std::size_t> after;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::fill(next_, next_ + words_, 0);
      for_each_now([&](std::size_t state) { step(state, bytes[i], i == 0, bytes.size(), value, after); });
      if (i + 1 == bytes.size()) {
        for (std::size_t state : after) enter(state);
      }
      std::swap(now_, next_);
    }
  }

  template <class Visit>
  void for_each_now(Visit visit) {
    for (std::size_t word = 0; word < words_; ++word) {
      for (std::uint64_t bits = now_[word]; bits != 0; bits &= bits - 1) {
        auto state = word * 64 + static_cast<std::size_t>(__builtin_ctzll(bits));
        if (state < pattern_.tokens_.size()) visit(state);
      }
    }
  }

  void step(std::size_t state, char byte, bool first_byte, std::size_t size, char32_t value,
            std::vector<std::size_t>& after) {
    const Token& token = pattern_.tokens_[state];
    switch (token.kind) {
      case Kind::byte:
        if (byte == token.byte) enter(state + 1);
        return;
      case Kind::star:
        if (byte != '/') stay(state), enter(state + 1);
        return;
      case Kind::everything:
        stay(state), enter(state + 1);
        return;
      case Kind::folders:
        stay(state);
        if (byte == '/') enter(state + 1);
        return;
      case Kind::any:
      case Kind::group:
        if (!first_byte) return;
        if (token.kind == Kind::any ? byte == '/' : !pattern_.in_group(pattern_.groups_[token.group], value)) return;
        if (size == 1) {
          enter(state + 1);
        } else {
          after.push_back(state + 1);
        }
        return;
    }
  }

  void stay(std::size_t state) { next_[state / 64] |= std::uint64_t{1} << state % 64; }

  /// A star and its like may match nothing, so the token after it is open too.
  void enter(std::size_t state) {
    stay(state);
    while (state < pattern_.tokens_.size()) {
      Kind kind = pattern_.tokens_[state].kind;
      if (kind != Kind::star && kind != Kind::folders && kind != Kind::everything) return;
      stay(++state);
    }
  }

  static constexpr std::size_t kInlineWords = 2;
  const PathPattern& pattern_;
  std::size_t words_;
  std::uint64_t few_[2 * kInlineWords] = {};
  std::vector<std::uint64_t> many_;  ///< Instead of few_ for very long patterns.
  std::uint64_t *now_ = few_, *next_ = few_ + kInlineWords;
};

std::optional<PathPattern> PathPattern::compile(std::string_view pattern, DoubleStar double_star) {
  return Compiler(pattern, double_star).run();
}

bool PathPattern::in_group(const Group& group, char32_t c) const {
  bool found = std::any_of(group.ranges.begin(), group.ranges.end(),
                           [&](const Range& range) { return range.first <= c && c <= range.last; });
  return found != group.negated;
}

bool PathPattern::matches_tokens(std::string_view path) const {
  Run run(*this);
  run.feed(path);
  return run.matched();
}

bool PathPattern::matches(std::string_view path) const {
  if (name_only_) path.remove_prefix(path.rfind('/') + 1);
  if (literal_) return path == prefix_;
  if (!inside_.empty())
    return path.starts_with(std::string_view(inside_).substr(1)) || path.find(inside_) != std::string_view::npos;
  if (!path.starts_with(prefix_) || !path.ends_with(suffix_)) return false;
  return matches_tokens(path);
}

bool PathPattern::may_match_below(std::string_view path) const {
  if (name_only_) return true;
  Run run(*this);
  run.feed(path);
  run.feed("/");
  return run.alive() && !tokens_.empty();
}

}  // namespace imgb
