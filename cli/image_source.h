#pragma once
#include <exception>
#include <map>
#include <set>

#include "builder/sources.h"
#include "cli/image_origin.h"
#include "core/base/task.h"
#include "core/store/local_image.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// Images of the store first, then those of `origin` (DESIGN.md section 2). Layers download and unpack at once: each
/// goes from the network into the store and into its snapshot in the same pass.
///
/// An image that came whole from a registry keeps its name in the store, so that the next build asks nobody.
class ImageSource : public BaseImageSource {
 public:
  enum class Names {
    of_store,   ///< Looked for in the store and kept there.
    of_origin,  ///< Mean nothing in the store (an OCI layout elsewhere).
  };
  ImageSource(Store& store, SnapshotStore& snapshots, ImageOrigin& origin, Names names)
      : store_(store), snapshots_(snapshots), origin_(origin), names_(names) {}

  BaseImage resolve(const Reference& name, const Platform& platform, PullPolicy policy, Activity& activity,
                    std::stop_token stop) override;
  void fetch(const BaseImage& image, LayerNeed need, Activity& activity, std::stop_token stop) override;

 private:
  struct Origin {
    Reference name;  ///< Where its layers can be had.
    bool keep_name = false;
  };
  std::optional<BaseImage> find_local(const Reference& name, const Platform& platform);
  std::optional<LocalImage> find_by_digest(const Digest& digest, const Platform& platform);
  BaseImage get_remote(const Reference& name, const Platform& platform, Activity& activity, std::stop_token stop);
  /// From the origin; `broken` is what is thrown when that fails, if it is set: why the local one cannot be used.
  BaseImage get_whole(const Reference& name, const Platform& platform, Activity& activity, std::stop_token stop,
                      const std::exception_ptr& broken);
  void remember(const BaseImage& image, Origin origin);
  std::optional<Origin> origin_of(const BaseImage& image);
  void fetch_blobs(const BaseImage& image, Activity& activity, const std::stop_token& stop);
  void fetch_contents(const BaseImage& image, LayerNeed need, Activity& activity, const std::stop_token& stop);
  void make_contents(const BaseImage& image, LayerNeed need, const StreamBlob& stream, const std::stop_token& stop);

  Store& store_;
  SnapshotStore& snapshots_;
  ImageOrigin& origin_;
  Names names_;
  Guarded<std::map<Digest, Origin>> origins_;  ///< By manifest.
};

/// ADD's downloads, by the user's proxies and certificates.
class RegistryFiles : public RemoteFileSource {
 public:
  explicit RegistryFiles(RegistryAccess& access) : access_(access) {}
  File fetch(const std::string& url, const std::optional<Validators>& known, const std::vector<std::string>& headers,
             Sink& into, Activity& activity, std::stop_token stop) override;

 private:
  RegistryAccess& access_;
};

}  // namespace imgb
