#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace imgb {

struct PrunedVolumes {
  std::vector<std::string> names;
  std::uint64_t size_bytes = 0;  ///< On disk.
};

/// Removes the named volumes that no container uses, whether it runs or not; a dry run only tells. A container that
/// comes to be meanwhile finds its volume, or makes a new one.
PrunedVolumes prune_volumes(Store& store, bool dry_run);

}  // namespace imgb
