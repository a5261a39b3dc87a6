#pragma once
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "builder/environment.h"
#include "builder/instructions.h"

namespace imgb {

/// Which stage a name means, and which stages a target needs. Pure (dockerfile.md 3.1).

/// Stages by name, in any case. Borrows the file.
class StageNames {
 public:
  explicit StageNames(const Dockerfile& file);

  /// The last stage called `name` among the first `before`. nullopt: none.
  std::optional<std::size_t> find(std::string_view name, std::size_t before) const;
  /// --target; "" is the last stage. Error(input) `target stage "x" could not be found` with did-you-mean.
  std::size_t find_target(std::string_view target) const;
  /// What COPY --from=... or a mount's from means in stage `current`: an index, or a stage's name. nullopt: no stage,
  /// so a named context or an image. Error(input): a stage that comes later or is `current` itself, an index out of
  /// range.
  std::optional<std::size_t> find_from(std::string_view from, std::size_t current, bool index_counts) const;
  /// The stages that `target` needs by FROM, COPY --from and mounts, itself included, as far as the file alone tells
  /// (triggers of base images may need more). Stages that a named context stands for (`replaced`) need nothing.
  std::set<std::size_t> needed_stages(std::size_t target, const Environment& global,
                                      const std::set<std::size_t>& replaced) const;

 private:
  const Dockerfile& file_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_name_;
};

/// Names after --from or mounts' from of one instruction; "" where there is none.
std::vector<std::string_view> froms_of(const Instruction& instruction);

/// Base name of a stage, expanded. Error(input) when blank.
std::string base_name(const Dockerfile& file, std::size_t stage, const Environment& global);

/// "builder", or "stage-1" for a stage without a name.
std::string display_name(const Dockerfile& file, std::size_t stage);

}  // namespace imgb
