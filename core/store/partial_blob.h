#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/base/dir.h"
#include "core/store/blob_store.h"

namespace imgb {

/// Gives the complete file `name` of the ingest folder the blob's own name.
using PlaceBlob = std::function<void(const std::string& name, const Fd& file)>;

/// A blob whose digest is known from the start: a named file in `ingest` (layout::partial), flocked by its writer, that
/// a later attempt continues when this one breaks. What is there is hashed again, not trusted. Waits while another
/// writes the same blob; nullptr when `is_there` then says that it is complete. Borrows `ingest`, which outlives it.
std::unique_ptr<BlobWriter> open_partial_blob(const Dir& ingest, const Descriptor& expected, std::uint32_t mode,
                                              const std::function<bool()>& is_there, PlaceBlob place);

}  // namespace imgb
