#pragma once
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "core/base/dir.h"
#include "core/oci/descriptor.h"
#include "core/oci/reference.h"
#include "core/store/store.h"
#include "layerfs/ingest.h"

namespace imgb {

/// An image that came out of an archive; all its blobs are in the store, it has no name there yet.
struct LoadedImage {
  Descriptor image;              ///< Manifest, or the index when the archive holds several platforms.
  std::vector<Reference> names;  ///< That the archive gives it.
};

/// Reads the images of an archive: an OCI image layout, what `docker save` writes (of any version), or both in one;
/// plain or compressed. Everything in it is hostile: the tar is read in a confined child, names in its JSON only ever
/// mean files of the archive, blobs are checked against their digests and layers against their DiffIds. Errors: input
/// (no image archive, an image that is not whole), corrupt (digests, JSON), system.
std::vector<LoadedImage> load_archive(Store& store, const Fd& archive, std::string_view what, std::stop_token stop);

/// The same from a folder that holds an OCI image layout.
std::vector<LoadedImage> load_folder(Store& store, const Dir& folder, std::stop_token stop);

}  // namespace imgb
