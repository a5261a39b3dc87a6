#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace imgb {

/// One thing that a check of the store found.
struct Finding {
  enum class Kind {
    bad_layout,        ///< oci-layout is not what it should be.
    bad_index,         ///< index.json is missing or cannot be read.
    damaged_blob,      ///< Its bytes do not have its digest.
    bad_image,         ///< A manifest or index that cannot be parsed, or whose sizes are not those of its blobs.
    incomplete_image,  ///< Something it needs is not here. Harmless where it can be pulled again.
    foreign_file,      ///< A file below blobs/ that is no blob. Left alone.
    leftover,          ///< A partial download or temporary file of a writer that is gone. Harmless.
  };
  Kind kind;
  std::string what;             ///< Digest or file name.
  std::string detail;           ///< One line.
  std::optional<Digest> image;  ///< Of bad_image and incomplete_image: its entry in index.json.
  bool repaired = false;
  bool is_damage() const;  ///< Not one of the harmless kinds.
};
std::string_view name_of(Finding::Kind kind);

struct FsckReport {
  std::uint64_t blobs = 0, size_bytes = 0;  ///< Read and hashed.
  std::vector<Finding> findings;
  bool is_clean() const;  ///< No damage is left: none was found, or it was repaired.
};

struct FsckOptions {
  bool repair = false;
  unsigned jobs = 1;
  std::function<void(std::uint64_t blobs_done, std::uint64_t size_bytes)> on_progress;  ///< From any thread.
  std::stop_token stop;
};

/// Reads every blob and compares it with its digest, then checks oci-layout, index.json and that each image has what it
/// needs with the sizes it says.
///
/// With `repair` (the caller holds the exclusive lock): damaged blobs go to quarantine/, images that need one of them
/// or cannot be read lose their entries in index.json, an index.json that is lost or cannot be read is made anew from
/// the manifests there are and from what of its entries still is JSON, and leftovers are removed. What is repaired this
/// way is missing, and a pull or build brings it back.
FsckReport fsck(Store& store, const FsckOptions& options);

}  // namespace imgb
