#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "core/base/digest.h"
#include "core/base/stream.h"
#include "core/store/store.h"
#include "layerfs/ingest.h"

namespace imgb {

struct FoundArchive {
  Layer layer;
  Digest content;  ///< Of the file, as it was read.
};

/// The archive that a file is, as a layer of the store (dockerfile.md 3.3 "ADD local archive"); nullopt when it is
/// none: what counts is the content (tar, plain or compressed with gzip, bzip2, xz or zstd), never the name. `open`
/// gives the bytes from the start; what it gave before is then used no more. The bytes are hostile: they are read in
/// confined children.
std::optional<FoundArchive> find_archive(Store& store, const std::function<std::unique_ptr<Source>()>& open,
                                         const IngestLimits& limits, std::stop_token stop);

}  // namespace imgb
