#pragma once
#include <memory>
#include <stop_token>
#include <string>

#include "core/base/dir.h"
#include "core/store/store.h"
#include "registry/access.h"
#include "registry/pull.h"

namespace imgb {

/// A place outside the store that images come from. Threads: all functions may be called at once.
class ImageOrigin {
 public:
  virtual ~ImageOrigin() = default;
  /// Puts manifest and config into the store; moves no layer. Error(not_found) when there is no such image.
  virtual PulledImage get_metadata(const Reference& name, const Platform& platform, Activity& activity,
                                   std::stop_token stop) = 0;
  /// Afterwards the blob is in the store, verified, and `tap` (may be null) had its bytes.
  virtual void fetch_blob(const Reference& repository, const Descriptor& blob, BlobTap* tap, Activity& activity,
                          std::stop_token stop) = 0;
};

/// Registries, by the user's settings. Nothing is opened before the first question.
class RegistryOrigin : public ImageOrigin {
 public:
  RegistryOrigin(Store& store, RegistryAccess& access) : store_(store), access_(access) {}
  PulledImage get_metadata(const Reference& name, const Platform& platform, Activity& activity,
                           std::stop_token stop) override;
  void fetch_blob(const Reference& repository, const Descriptor& blob, BlobTap* tap, Activity& activity,
                  std::stop_token stop) override;

 private:
  Store& store_;
  RegistryAccess& access_;
};

/// An OCI image layout that someone else made (hostile): oci-layout:// contexts, and folders given to `imgb load`. The
/// name's repository does not count: its tag or digest says which image; without one the layout must hold just one.
class LayoutOrigin : public ImageOrigin {
 public:
  LayoutOrigin(Store& store, Dir layout);
  PulledImage get_metadata(const Reference& name, const Platform& platform, Activity& activity,
                           std::stop_token stop) override;
  void fetch_blob(const Reference& repository, const Descriptor& blob, BlobTap* tap, Activity& activity,
                  std::stop_token stop) override;
  struct Found {
    Descriptor named, at;  ///< What the name means; the manifest itself.
    Manifest manifest;
    std::string config;  ///< As it came.
  };
  /// The same as get_metadata for what need not be an image. Puts nothing but manifests and config into the store.
  Found get_image(const Reference& name, const Platform& platform);

 private:
  std::string read(const Descriptor& blob) const;
  Store& store_;
  Dir layout_;
  Index index_;
};

}  // namespace imgb
