#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace imgb {

/// What a part of the store takes. Sizes are the files' bytes; a file with several names counts once.
struct Usage {
  std::string category;  ///< "images", "build cache", "unpacked layers", ... as people are shown.
  std::uint64_t files = 0, size_bytes = 0;
  bool disposable = false;  ///< Made again when needed.
};

/// The store's parts, each once, in a fixed order: blobs that images need, blobs that none needs (layers kept for the
/// build cache), and the folders beside them. Changes nothing.
std::vector<Usage> disk_usage(Store& store);

}  // namespace imgb
