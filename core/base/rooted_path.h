#pragma once
#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// A path inside an image, never a path of the host. Bytes, not characters: any encoding, no NUL.
/// Invariants, kept by every way to make one:
///   - starts with "/"; "/" itself is the root
///   - no empty, "." or ".." component, no trailing "/"
/// Symbolic links are not resolved: that needs a file system (Dir, TreeView).
class RootedPath {
 public:
  RootedPath() : text_("/") {}
  /// Cleans lexically like Go's path.Clean("/" + text): "..", "." and "//" vanish, ".." at the root stays there.
  /// Throws Error(input) when `text` holds a NUL byte.
  static RootedPath clean(std::string_view text);
  /// Throws Error(input) unless `text` has the invariants already or would have them with a leading "/".
  static RootedPath parse_strict(std::string_view text);

  const std::string& str() const { return text_; }
  std::string_view relative() const { return std::string_view(text_).substr(1); }  ///< "" for the root.
  bool is_root() const { return text_.size() == 1; }
  std::string_view name() const;  ///< Last component; "" for the root.
  RootedPath parent() const;      ///< The root's parent is the root.
  /// `more` relative to this path, cleaned; an absolute `more` starts again from the root.
  RootedPath join(std::string_view more) const;
  RootedPath child(std::string_view name) const;     ///< One component; throws Error(internal) on any other.
  bool is_below(const RootedPath& ancestor) const;   ///< Strictly below.
  std::vector<std::string_view> components() const;  ///< Views into this path.

  friend auto operator<=>(const RootedPath&, const RootedPath&) = default;  ///< By bytes.

 private:
  explicit RootedPath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace imgb
