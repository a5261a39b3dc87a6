#pragma once
#include "core/oci/descriptor.h"
#include "core/store/store.h"

namespace imgb {

/// Reads a whole image back and fails the test where it is not what every consumer may rely on: blobs are there and
/// have their digests and sizes, layers decompress to their DiffIds, history fits the layers.
void validate_image(Store& store, const Descriptor& manifest);

}  // namespace imgb
