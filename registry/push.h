#pragma once
#include <functional>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "core/oci/descriptor.h"
#include "core/oci/reference.h"
#include "core/store/blob_store.h"
#include "registry/client.h"

namespace imgb {

struct PushResult {
  std::size_t present = 0, mounted = 0, sent = 0;  ///< Blobs; none of them when the manifest was there already.
  std::uint64_t sent_bytes = 0;
};
/// A repository of the same registry that may have the blob; "" for none.
using FindMountSource = std::function<std::string(const Digest& blob)>;

/// Sends an image, or an index with all its images, to where `name` says: blobs first, several at once, then the
/// manifests as they are stored, the named one last, so that whoever sees a manifest can have what it needs. What is
/// there is not sent; when the name means this image already, nothing else is asked. Layers that may not be distributed
/// stay where they are. Errors: as RegistryClient; not_found names what the store lacks; unsupported on indexes nested
/// deeper than 4 and on entries that are no images.
PushResult push_image(RegistryClient& client, const Descriptor& image, const Reference& name, const BlobStore& store,
                      const FindMountSource& mount_from, Activity* activity, const std::stop_token& stop);

}  // namespace imgb
