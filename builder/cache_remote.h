#pragma once
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "core/oci/manifest.h"
#include "core/oci/platform.h"
#include "core/oci/reference.h"
#include "core/store/blob_store.h"

namespace imgb {

/// A place where a build cache is kept: a name in a registry, a folder. `cli` plugs it in (DESIGN.md section 1). What
/// comes from it is hostile as far as its owner is. Threads: all functions may be called at once.
class CacheRemote {
 public:
  virtual ~CacheRemote() = default;
  virtual std::string name() const = 0;  ///< For people: "registry.example.com/team/app:cache".
  /// The repository whose blobs its registry can mount elsewhere; nullopt for what is no registry.
  virtual std::optional<Reference> repository() const = 0;

  /// A cache's manifest, or an image's for this platform, with its config as it came.
  struct Content {
    Manifest manifest;
    std::string config;
  };
  /// nullopt: nothing is there. Moves no layer.
  virtual std::optional<Content> find(const Platform& platform, Activity& activity, std::stop_token stop) = 0;
  /// Afterwards the blob is in the store, verified.
  virtual void fetch(const Descriptor& blob, Activity& activity, std::stop_token stop) = 0;
  /// Puts the cache there in place of what was: blobs first, then the manifest. What is there is not read from
  /// `blobs`. Returns what was moved, for people.
  virtual std::string put(const Descriptor& manifest, const BlobStore& blobs, Activity& activity,
                          std::stop_token stop) = 0;
};

}  // namespace imgb
