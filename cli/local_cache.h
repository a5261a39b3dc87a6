#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "builder/cache_remote.h"
#include "builder/cache_spec.h"
#include "cli/image_origin.h"
#include "core/store/store.h"

namespace imgb {

/// A build cache as an OCI image layout in a folder of the host. Caches there are told apart by their tags; blobs that
/// none of them needs any more are removed by the next export. Borrows the store.
class LocalCache : public CacheRemote {
 public:
  LocalCache(Store& store, CacheSpec spec) : store_(store), spec_(std::move(spec)) {}

  std::string name() const override { return spec_.folder.string(); }
  std::optional<Reference> repository() const override { return std::nullopt; }
  std::optional<Content> find(const Platform& platform, Activity& activity, std::stop_token stop) override;
  void fetch(const Descriptor& blob, Activity& activity, std::stop_token stop) override;
  /// Holds the folder's lock meanwhile: exports into one folder wait for each other.
  std::string put(const Descriptor& manifest, const BlobStore& blobs, Activity& activity,
                  std::stop_token stop) override;

 private:
  Reference reference() const;
  Store& store_;
  CacheSpec spec_;
  std::unique_ptr<LayoutOrigin> origin_;
};

}  // namespace imgb
