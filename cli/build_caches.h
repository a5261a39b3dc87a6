#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "builder/build.h"
#include "builder/cache_export.h"
#include "builder/cache_import.h"
#include "builder/cache_spec.h"
#include "cli/build_flags.h"
#include "cli/env.h"
#include "cli/mount_sources.h"
#include "registry/access.h"

namespace imgb {

/// The caches that --cache-from and --cache-to name, with the registries and folders where they are. Borrows the
/// environment. Errors of the flags: usage, input.
class BuildCaches {
 public:
  BuildCaches(CliEnv& env, RegistryAccess& access, const BuildFlags& flags);

  /// What the flags ask of the build itself.
  void prepare(BuildRequest& request) const;
  CacheImport* import() { return import_ ? &*import_ : nullptr; }
  bool lost_any() { return import_ && import_->lost_any(); }
  /// Which repositories have what, those of the store's images among them.
  MountSources& mounts();
  /// The store, and the layers of the result and its steps that are not in it. Borrows this and the result.
  BlobsWithinReach within_reach(const BuildResult& result, const std::stop_token& stop);
  /// After the result was delivered, whose layers a registry then has.
  void export_all(const BuildResult& result, BlobsWithinReach& blobs, const std::stop_token& stop);

 private:
  std::unique_ptr<CacheRemote> make_remote(const CacheSpec& spec);
  void add_mounts(CacheDocument& document, const CacheToSpec& spec, const BuildResult& result, BlobsWithinReach& blobs,
                  const std::stop_token& stop);
  void reach(BlobsWithinReach& blobs, const Layer& layer, const std::stop_token& stop);

  CliEnv& env_;
  RegistryAccess& access_;
  MountSources mounts_;
  bool knows_store_ = false;
  std::vector<std::unique_ptr<CacheRemote>> sources_;
  std::optional<CacheImport> import_;
  struct Target {
    CacheToSpec spec;
    std::unique_ptr<CacheRemote> remote;  ///< Null for what is in the image.
  };
  std::vector<Target> targets_;
};

}  // namespace imgb
