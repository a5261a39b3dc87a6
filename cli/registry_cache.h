#pragma once
#include <string>

#include "builder/cache_remote.h"
#include "cli/mount_sources.h"
#include "core/store/store.h"
#include "registry/access.h"

namespace imgb {

/// A build cache under a name in a registry, or in the config of the image of that name. Borrows all.
class RegistryCache : public CacheRemote {
 public:
  RegistryCache(Store& store, RegistryAccess& access, const MountSources& mounts, Reference name)
      : store_(store), access_(access), mounts_(mounts), name_(std::move(name)) {}

  std::string name() const override { return name_.familiar(); }
  std::optional<Reference> repository() const override { return name_; }
  std::optional<Content> find(const Platform& platform, Activity& activity, std::stop_token stop) override;
  void fetch(const Descriptor& blob, Activity& activity, std::stop_token stop) override;
  std::string put(const Descriptor& manifest, const BlobStore& blobs, Activity& activity,
                  std::stop_token stop) override;

 private:
  Manifest get_manifest(const Platform& platform, Activity& activity, const std::stop_token& stop);

  Store& store_;
  RegistryAccess& access_;
  const MountSources& mounts_;
  Reference name_;
};

}  // namespace imgb
