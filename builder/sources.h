#pragma once
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "core/oci/reference.h"
#include "layerfs/toc.h"

namespace imgb {

/// An image to build on, known by its manifest and config. Its layers' bytes may still be far away.
struct BaseImage {
  Descriptor manifest;
  ImageConfig config;
  std::vector<Layer> layers;  ///< Bottom first; one per config.diff_ids.
};

enum class PullPolicy { missing, always, never };
enum class LayerNeed {
  blob,      ///< Bytes in the store (to be part of the result).
  contents,  ///< And the table of contents.
  unpacked,  ///< And a snapshot of the whole stack.
};

/// Where base images come from: the local store, a registry, an OCI layout. `cli` plugs it in (DESIGN.md section 1).
/// Threads: all functions may be called at once; two wanting one blob fetch it once.
class BaseImageSource {
 public:
  virtual ~BaseImageSource() = default;
  /// Error(not_found) when there is no such image; moves no layer bytes.
  virtual BaseImage resolve(const Reference& name, const Platform& platform, PullPolicy policy, Activity& activity,
                            std::stop_token stop) = 0;
  virtual void fetch(const BaseImage& image, LayerNeed need, Activity& activity, std::stop_token stop) = 0;
};

/// Gets the bytes of an http(s) URL for ADD (dockerfile.md 3.3, V35-V37).
class RemoteFileSource {
 public:
  virtual ~RemoteFileSource() = default;
  struct Validators {
    std::string etag, last_modified;
  };
  struct File {
    bool unchanged = false;  ///< The validators still hold; nothing was written.
    Validators validators;
    std::optional<std::int64_t> mtime_seconds;
  };
  virtual File fetch(const std::string& url, const std::optional<Validators>& known,
                     const std::vector<std::string>& headers, Sink& into, Activity& activity, std::stop_token stop) = 0;
};

}  // namespace imgb
