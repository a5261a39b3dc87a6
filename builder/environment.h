#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace imgb {

/// Variables in the order in which they were first set; setting one again keeps its place. Lookups take constant time.
class Environment {
 public:
  Environment() = default;
  /// From "K=V" entries, as an image config has them; an entry without "=" is a name with an empty value.
  explicit Environment(std::span<const std::string> entries);

  void set(std::string_view name, std::string_view value);
  const std::string* find(std::string_view name) const;  ///< nullptr when unset. Valid until the next change.
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }
  std::vector<std::string> as_list() const;  ///< "K=V" each, in order.

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::vector<std::pair<std::string, std::string>> entries_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
};

}  // namespace imgb
