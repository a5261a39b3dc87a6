#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// How "**" reads.
enum class DoubleStar {
  as_star,    ///< Go's filepath.Match: the same as "*".
  any_depth,  ///< moby's patternmatcher: any number of components.
};

/// A wildcard pattern for paths, compiled: * ? [classes] \x and, by choice, **. Matching walks the path once and keeps
/// the set of places in the pattern that it may have reached, so no pattern makes it slower than pattern times path.
/// Threads: const functions may run at once.
class PathPattern {
 public:
  /// nullopt: malformed, as filepath.Match sees it.
  static std::optional<PathPattern> compile(std::string_view pattern, DoubleStar double_star);

  bool matches(std::string_view path) const;
  /// Whether some path below the folder `path` can match.
  bool may_match_below(std::string_view path) const;

 private:
  enum class Kind : std::uint8_t {
    byte,       ///< One given byte.
    any,        ///< "?": one character but "/".
    star,       ///< "*": any bytes but "/".
    group,      ///< "[...]": one character.
    folders,    ///< "**/": nothing, or anything that ends in "/".
    everything  ///< "**" at the end: anything.
  };
  struct Token {
    Kind kind;
    char byte = 0;
    std::uint32_t group = 0;  ///< Index into groups_.
  };
  struct Range {
    char32_t first, last;
  };
  struct Group {
    bool negated = false;
    std::vector<Range> ranges;
  };
  class Compiler;
  class Run;

  bool in_group(const Group& group, char32_t c) const;
  bool matches_tokens(std::string_view path) const;

  std::vector<Token> tokens_;
  std::vector<Group> groups_;
  std::string prefix_, suffix_;  ///< Literal bytes that every match begins and ends with.
  bool literal_ = false;         ///< No wildcard: the path must equal prefix_.
  std::string inside_;           ///< "**/text**" alone: what stands in the path, with a "/" before; else "".
  bool name_only_ = false;       ///< "**/" and then no "/": all the rest is about the path's last component.
};

}  // namespace imgb
