#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace imgb {

/// The value of COPY/ADD --chmod: octal ("0755") or symbolic ("u=rwX,go=rX"), parsed (dockerfile.md 3.3).
class ModeChange {
 public:
  /// Error(input) `invalid chmod parameter: 'x'. it should be octal string and between 0 and 07777`.
  static ModeChange parse(std::string_view text);
  /// The new permission bits (07777) of a file or folder that has `mode`. Do not call it for symlinks.
  std::uint32_t apply(std::uint32_t mode, bool is_dir) const;
  bool is_octal() const { return steps_.empty(); }
  std::uint32_t octal() const { return octal_; }  ///< Only when is_octal().

 private:
  /// One operation of one clause: "go=rX".
  struct Step {
    std::uint32_t who;   ///< Which of 0700, 0070, 0007 (plus 04000, 02000, 01000) may change.
    char operation;      ///< + - =
    std::uint32_t bits;  ///< r w x as 0444 0222 0111; s and t as 06000 and 01000.
    bool x_if_any;       ///< X
    char copy_from;      ///< u g o, or 0.
  };
  bool add_clause(std::string_view clause);  ///< False: malformed.
  void add_operands(Step step, std::string_view& clause);

  std::uint32_t octal_ = 0;
  std::vector<Step> steps_;
};

}  // namespace imgb
