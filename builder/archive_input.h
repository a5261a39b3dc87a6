#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "core/base/stream.h"
#include "core/store/store.h"
#include "layerfs/ingest.h"

namespace imgb {

/// The archive that a file is, as a layer of the store (dockerfile.md 3.3 "ADD local archive"); nullopt when it is
/// none: what counts is the content (tar, plain or compressed with gzip, bzip2, xz or zstd), never the name. `open`
/// gives the bytes from the start each time. The bytes are hostile: they are read in a confined child.
std::optional<Layer> find_archive(Store& store, const std::function<std::unique_ptr<Source>()>& open,
                                  const IngestLimits& limits, std::stop_token stop);

}  // namespace imgb
