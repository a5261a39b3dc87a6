#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/platform.h"
#include "core/oci/reference.h"

namespace imgb {

/// What a build took from outside, by digest: the file of `imgb build --lock` (docs/lock.md).
struct BuildLock {
  struct Image {
    Reference name;  ///< As the Dockerfile has it, with its default tag.
    Platform platform;
    Reference image;  ///< The name with the digest of the platform's own manifest: what can be pulled anywhere.
    friend bool operator==(const Image&, const Image&) = default;
  };
  struct Url {
    std::string url;
    Digest digest;
    std::uint64_t size_bytes = 0;
    std::optional<std::int64_t> modified;  ///< Last-Modified, in seconds: the file's time in the image.
    friend bool operator==(const Url&, const Url&) = default;
  };
  struct Context {
    std::string name;  ///< Of --build-context; "" is the build context.
    Digest digest;     ///< Of an archive's uncompressed tar, or of an OCI layout's manifest.
    friend bool operator==(const Context&, const Context&) = default;
  };
  std::vector<Image> images;
  std::vector<Url> urls;
  std::vector<Context> contexts;  ///< Those that are no folders.

  const Image* find_image(const Reference& name, const Platform& platform) const;
  const Url* find_url(std::string_view url) const;
  const Context* find_context(std::string_view name) const;
};

/// JSON, sorted, each thing once: the same uses give the same bytes.
std::string render_lock(BuildLock lock);
/// Error(input) on another shape; of a newer version Error(unsupported).
BuildLock parse_lock(std::string_view json);

}  // namespace imgb
