#pragma once
#include <span>

#include "core/store/store.h"

namespace imgb {

/// The one way to name an image: syncs its manifest (an index: with its children that are here), config and layers to
/// disk, then sets the names; without names the image is kept nameless. After this returns the image survives a power
/// cut.
void publish(Store& store, const Descriptor& image, std::span<const Reference> names);

/// Notes in the blob's mode (0444) that it is on disk: it was synced, or read after the machine had started anew.
void mark_synced(const Fd& blob);

/// Calls `visit` for the image itself and everything it needs that is in the store: children, config, layers. Blobs
/// that are not here are passed over, since images may be known by their manifest alone.
void for_each_blob(const BlobStore& blobs, const Descriptor& image,
                   const std::function<void(const Descriptor&)>& visit);

}  // namespace imgb
