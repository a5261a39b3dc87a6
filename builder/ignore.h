#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// The lines of a .dockerignore file that count, cleaned (dockerfile.md 4): comments, blank lines and BOM gone, leading
/// "/" dropped, "!" kept in front.
std::vector<std::string> parse_ignore_file(std::string_view text);

/// A list of .dockerignore patterns, compiled: moby's patternmatcher. Also what COPY --exclude uses.
///
/// Paths are relative to the context, "/" between components, cleaned ("a/b"). A path is ignored when the last pattern
/// that matches it, or a folder above it, is not a "!" pattern. Time per path is linear in its length times the
/// patterns that could match; no input makes it worse. Threads: const functions may run at once.
class IgnoreMatcher {
 public:
  IgnoreMatcher();  ///< Ignores nothing.
  /// Error(input) for `!` alone and for broken brackets, naming the pattern.
  explicit IgnoreMatcher(const std::vector<std::string>& patterns);
  IgnoreMatcher(IgnoreMatcher&&) noexcept;
  IgnoreMatcher& operator=(IgnoreMatcher&&) noexcept;
  ~IgnoreMatcher();

  bool empty() const;
  bool ignores(std::string_view path) const;

  /// For walks: what is known about a folder, to be handed to its children. Start from `root()`.
  struct Folder {
    std::vector<std::uint32_t> matched;  ///< Patterns that match this folder or one above it, ascending.
  };
  Folder root() const { return {}; }
  struct Verdict {
    bool ignored = false;
    bool prune = false;  ///< Ignored, and nothing below can come back: a walk need not enter. For folders only.
    Folder folder;       ///< For the children of `path`.
  };
  /// The same answer as `ignores`, from the parent's Folder: each pattern is tried once per path, not once per
  /// ancestor.
  Verdict check(const Folder& parent, std::string_view path) const;

 private:
  struct Rules;
  std::unique_ptr<const Rules> rules_;
};

}  // namespace imgb
