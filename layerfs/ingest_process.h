#pragma once
#include <optional>
#include <stop_token>

#include "core/base/dir.h"
#include "layerfs/ingest.h"

namespace imgb {

struct Ingested {
  DiffId diff_id;
  Toc toc;  ///< Checked.
};

/// Where a layer is unpacked.
struct Unpacking {
  const Dir& folder;
  bool nodes = true;  ///< False: no devices, and what the layer removes, or hides, is in its table of contents alone.
};

/// Feeds one layer through a confined child (layerfs/ingest_child.h), which also unpacks it when `unpack` is
/// given. Keeps nothing. Errors: as scan_layer; a DiffId that differs from `want` is Error(corrupt).
Ingested run_ingest(const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                    const IngestLimits& limits, const Unpacking* unpack, std::stop_token stop);

}  // namespace imgb
