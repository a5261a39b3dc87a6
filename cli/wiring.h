#pragma once
#include <string>

#include "cli/env.h"
#include "cli/image_source.h"
#include "core/store/local_image.h"
#include "sandbox/isolation.h"

namespace imgb {

/// The parts that get images, joined: store, snapshots, registries by this user's settings. Nothing is opened or asked
/// before it is needed. Borrows the environment.
class ImageWiring {
 public:
  explicit ImageWiring(CliEnv& env, Isolation isolation = Isolation::automatic, RetryLimits retries = {});
  const std::shared_ptr<HostIsolation>& isolation() { return isolation_; }
  SnapshotStore& snapshots() { return snapshots_; }
  RegistryAccess& access() { return access_; }
  ImageSource& source() { return source_; }

  /// Finds the image or gets it, ready as `need` says, with progress. What is local is found by id too.
  LocalImage obtain(CliEnv& env, const std::string& typed, const Platform& platform, PullPolicy policy, LayerNeed need);

 private:
  RegistryAccess access_;
  RegistryOrigin registry_;
  std::shared_ptr<HostIsolation> isolation_;
  SnapshotStore snapshots_;
  ImageSource source_;
};

PullPolicy parse_pull_policy(std::string_view text);                ///< missing, always, never; "true" is always.
Platform platform_or_host(const std::optional<std::string>& text);  ///< Of --platform.

}  // namespace imgb
