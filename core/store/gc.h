#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/store/store.h"

namespace imgb {

/// The text of a manifest or index; nullopt when the store does not have it.
using ReadManifest = std::function<std::optional<std::string>(const Descriptor& blob)>;

/// Every blob that `roots` need, themselves included, whether it is there or not: an index needs its children, a
/// manifest its config and layers, any other type nothing. Pure but for `read`. Error(corrupt) on what cannot
/// be parsed, and on indexes nested deeper than 4 (V59).
std::set<Digest> reachable(std::span<const Descriptor> roots, const ReadManifest& read);
/// Reads from a store, verified.
ReadManifest manifests_of(const BlobStore& blobs);

/// What a collection would remove, or has removed.
struct Garbage {
  struct Blob {
    Digest digest;
    std::uint64_t size_bytes;
  };
  std::vector<Blob> blobs;             ///< Sorted by digest.
  std::vector<std::string> leftovers;  ///< Files in ingest/ whose writers are gone, partial downloads included.
  std::uint64_t size_bytes = 0;        ///< Of both.
};

/// Finds the blobs that neither a name nor a nameless image of index.json nor one of `extra_roots` (build cache
/// records, containers) needs. Changes nothing: the dry run. Error(corrupt) when an image cannot be read, since what it
/// needs is then unknown; `fsck` with repair drops it.
Garbage find_garbage(Store& store, std::span<const Descriptor> extra_roots);

/// Removes it. The caller holds the store's exclusive lock (Store::lock_exclusively) since before find_garbage, so that
/// no build is between writing a blob and naming it.
void remove_garbage(Store& store, const Garbage& garbage);

}  // namespace imgb
