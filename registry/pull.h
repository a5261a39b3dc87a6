#pragma once
#include <optional>
#include <stop_token>

#include "core/base/progress.h"
#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "core/oci/platform.h"
#include "core/oci/reference.h"
#include "core/store/blob_store.h"
#include "registry/client.h"

namespace imgb {

struct PulledImage {
  Descriptor named;     ///< What the name means: an index, or the manifest itself.
  Descriptor manifest;  ///< The image for the wanted platform.
  Manifest content;
  ImageConfig config;
};
/// Finds the image for `platform` and puts its manifest, the indexes that led to it and its config into the store;
/// moves no layer. What the store has already is not fetched; a tag is always asked for, when `pulled_before` by HEAD
/// first, since it probably still means the same and registries count GETs. Errors: as RegistryClient;
/// not_found when there is none for the platform; unsupported for what is no image, or indexes nested deeper than 4
/// (V59).
PulledImage pull_metadata(RegistryClient& client, const Reference& name, const Platform& platform, BlobStore& store,
                          bool pulled_before, Activity* activity, const std::stop_token& stop);

}  // namespace imgb
