#include "builder/ignore.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "builder/line_reader.h"
#include "builder/path_pattern.h"
#include "builder/text_scan.h"
#include "core/base/error.h"
#include "core/base/rooted_path.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// Go's filepath.Clean, for relative paths too.
std::string clean_path(std::string_view text) {
  const bool rooted = text.starts_with('/');
  std::vector<std::string_view> parts;
  for (std::string_view part : split(text, '/')) {
    if (part.empty() || part == ".") continue;
    bool leaves = part == "..";
    if (leaves && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!leaves || !rooted) {
      parts.push_back(part);
    }
  }
  std::string clean = rooted ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) clean += '/';
    clean += parts[i];
  }
  return clean.empty() ? "." : clean;
}

std::string clean_line(std::string_view line) {
  const bool again = line.starts_with('!');
  if (again) line = trim_spaces(line.substr(1));
  std::string pattern;
  if (!line.empty()) {
    pattern = clean_path(line);
    if (pattern.size() > 1 && pattern.front() == '/') pattern.erase(0, 1);
  }
  return again ? fmt::format("!{}", pattern) : pattern;
}

bool is_plain(std::string_view pattern) { return pattern.find_first_of("*?[\\") == std::string_view::npos; }

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};
using Index = std::unordered_map<std::string, std::vector<std::uint32_t>, TextHash, std::equal_to<>>;

void append_found(const Index& index, std::string_view key, std::vector<std::uint32_t>& found) {
  if (auto entry = index.find(key); entry != index.end()) {
    found.insert(found.end(), entry->second.begin(), entry->second.end());
  }
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::vector<std::string> parse_ignore_file(std::string_view text) {
  std::vector<std::string> patterns;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  LineReader lines(text);
  while (auto line = lines.next()) {
    if (line->starts_with('#')) continue;
    std::string_view pattern = trim_spaces(*line);
    if (!pattern.empty()) patterns.push_back(clean_line(pattern));
  }
  return patterns;
}

/// The compiled patterns. Most are plain text: those are found by hash, the others are tried one by one.
struct IgnoreMatcher::Rules {
  struct General {
    std::uint32_t number;
    PathPattern pattern;
  };
  std::vector<bool> again;         ///< By number: the pattern began with "!".
  Index whole;                     ///< Plain patterns: the path itself.
  Index name;                      ///< "**/name": the last component.
  std::vector<General> others;     ///< Ascending by number.
  std::vector<General> returning;  ///< All "!" patterns, compiled for prune.

  void add(const std::string& written) {
    std::string_view trimmed = trim_spaces(written);
    if (trimmed.empty()) return;
    std::string clean = clean_path(trimmed);
    std::string_view pattern = clean;
    const bool is_again = pattern.front() == '!';
    if (is_again) pattern.remove_prefix(1);
    if (pattern.empty()) throw_error(ErrorKind::input, "illegal exclusion pattern: \"!\"");
    auto number = static_cast<std::uint32_t>(again.size());
    again.push_back(is_again);
    auto compiled = PathPattern::compile(pattern, DoubleStar::any_depth);
    // Malformed for Go's matcher, which does not know "**", is malformed for all.
    if (!compiled) throw_error(ErrorKind::input, "syntax error in pattern {}", printable(go_quote(written)));
    if (is_again) returning.push_back({number, *compiled});
    if (is_plain(pattern)) {
      whole[std::string(pattern)].push_back(number);
    } else if (pattern.starts_with("**/") && is_plain(pattern.substr(3)) &&
               pattern.find('/', 3) == std::string_view::npos) {
      name[std::string(pattern.substr(3))].push_back(number);
    } else {
      others.push_back({number, std::move(*compiled)});
    }
  }

  /// Numbers of the patterns that match `path` itself or, says `parent`, a folder above; ascending.
  std::vector<std::uint32_t> matching(const Folder& parent, std::string_view path) const {
    std::vector<std::uint32_t> found = parent.matched;
    append_found(whole, path, found);
    append_found(name, last_component(path), found);
    for (const General& other : others) {
      if (other.pattern.matches(path)) found.push_back(other.number);
    }
    if (found.size() == parent.matched.size()) return found;
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  bool can_return(std::uint32_t after, std::string_view folder) const {
    return std::any_of(returning.begin(), returning.end(), [&](const General& rule) {
      return rule.number > after && rule.pattern.may_match_below(folder);
    });
  }
};

IgnoreMatcher::IgnoreMatcher() : rules_(std::make_unique<const Rules>()) {}
IgnoreMatcher::IgnoreMatcher(IgnoreMatcher&&) noexcept = default;
IgnoreMatcher& IgnoreMatcher::operator=(IgnoreMatcher&&) noexcept = default;
IgnoreMatcher::~IgnoreMatcher() = default;

IgnoreMatcher::IgnoreMatcher(const std::vector<std::string>& patterns) {
  auto rules = std::make_unique<Rules>();
  for (const std::string& pattern : patterns) rules->add(pattern);
  rules_ = std::move(rules);
}

bool IgnoreMatcher::empty() const { return rules_->again.empty(); }

IgnoreMatcher::Verdict IgnoreMatcher::check(const Folder& parent, std::string_view path) const {
  Verdict verdict;
  if (empty()) return verdict;
  const bool above = !parent.matched.empty();
  for (std::uint32_t number : rules_->matching(parent, path)) {
    const bool inherited = above && std::binary_search(parent.matched.begin(), parent.matched.end(), number);
    const bool again = rules_->again[number];
    // As in moby, a pattern that could change nothing here is not looked at, and then does not count below either.
    if (!inherited && again != verdict.ignored) continue;
    verdict.folder.matched.push_back(number);
    verdict.ignored = !again;
  }
  verdict.prune = verdict.ignored && !rules_->can_return(verdict.folder.matched.back(), path);
  return verdict;
}

bool IgnoreMatcher::ignores(std::string_view path) const {
  Folder folder = root();
  for (std::size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
    Verdict verdict = check(folder, path.substr(0, slash));
    if (slash == std::string_view::npos) return verdict.ignored;
    if (verdict.prune) return true;
    folder = std::move(verdict.folder);
  }
}

}  // namespace imgb
