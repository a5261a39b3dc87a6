#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace imgb {

/// What a part of the store takes on disk, as du(1) counts it: blocks, folders included, a file with several names
/// once.
struct Usage {
  std::string category;  ///< "images", "build cache", "unpacked layers", ... as people are shown.
  std::uint64_t files = 0, size_bytes = 0;
  bool disposable = false;  ///< Made again when needed.
};

/// The store's parts, each once, in a fixed order: blobs that images need, blobs that none needs (layers kept for the
/// build cache), and what lies beside them. Together they are the whole folder. Changes nothing.
std::vector<Usage> disk_usage(Store& store);

/// Of one folder or file below `root`; 0 when it is not there.
std::uint64_t disk_bytes_below(const Dir& root, const std::string& path);

}  // namespace imgb
