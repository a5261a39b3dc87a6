#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

enum class FlagKind { boolean, text, list };
struct FlagRule {
  std::string_view name;
  FlagKind kind;
};

/// The flags of one instruction, checked against those it knows (dockerfile.md 1.4).
class FlagSet {
 public:
  /// `flags` as RawInstruction has them. Error(input) for unknown, repeated and malformed ones.
  FlagSet(std::span<const std::string> flags, std::span<const FlagRule> known);

  std::optional<std::string> find(std::string_view name) const;  ///< Of a text flag.
  std::optional<bool> find_bool(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace imgb
