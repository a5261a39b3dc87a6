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
/// manifest its config and layers, any other type nothing. Pure but for `read`, whose errors pass. Error(corrupt) on
/// what cannot be parsed, and on indexes nested deeper than 4 (V59).
std::set<Digest> reachable(std::span<const Descriptor> roots, const ReadManifest& read);
/// Reads from a store, verified. Only what was never there is absent: Error(corrupt) on a damaged one, and on one that
/// was taken out of use for that, since nobody knows what it needs.
ReadManifest manifests_of(const BlobStore& blobs);

/// What a collection would remove, or has removed.
struct Garbage {
  struct Blob {
    Digest digest;
    std::uint64_t size_bytes;  ///< On disk.
  };
  std::vector<Blob> blobs;             ///< Sorted by digest.
  std::vector<std::string> leftovers;  ///< Files in ingest/ whose writers are gone, partial downloads included.
  std::uint64_t size_bytes = 0;        ///< Of both, on disk.
};

/// Blobs that no other process uses, which a collection looks for before anything else. Who uses a blob makes it needed
/// before he lets go of it, by a name or a record: so it is in use here, or needed by the roots that are read after.
/// Roots that were read before would not know of what was named and let go in between.
struct IdleBlobs {
  std::vector<Digest> digests;  ///< Sorted.
};
IdleBlobs find_idle_blobs(Store& store, const CollectionLock& alone);

/// Finds the idle blobs that `roots` (images, build cache records, containers) do not need. Changes nothing: the dry
/// run. Error(corrupt) when an image cannot be read, since what it needs is then unknown; `fsck` with repair drops it.
/// REQUIRES: `roots` were read after `idle`.
Garbage find_garbage(Store& store, const CollectionLock& alone, const IdleBlobs& idle,
                     std::span<const Descriptor> roots);
void remove_garbage(Store& store, const CollectionLock& alone, const Garbage& garbage);

}  // namespace imgb
