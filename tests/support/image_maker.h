#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "core/store/blob_store.h"

namespace imgb {

/// Puts an image into a store: a config and one layer blob per text (their bytes need be no tar). Returns the manifest.
inline Descriptor make_image(BlobStore& store, const std::vector<std::string>& layers, std::string_view author = "") {
  ImageConfig config{.platform = {"linux", "amd64", "", ""}, .author = std::string(author)};
  std::vector<Descriptor> blobs;
  for (const std::string& text : layers) {
    config.diff_ids.push_back({Digest::of(text)});
    blobs.push_back(write_blob(store, text, std::string(media_type::kOciLayer)));
  }
  Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                    .config = write_blob(store, render(config), std::string(media_type::kOciConfig)),
                    .layers = std::move(blobs)};
  return write_blob(store, render(manifest), manifest.media_type);
}

}  // namespace imgb
