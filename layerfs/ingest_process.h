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

/// Feeds one layer through a confined child (layerfs/ingest_child.h), which also unpacks it when `unpack_into` is
/// given. Keeps nothing. Errors: as scan_layer; a DiffId that differs from `want` is Error(corrupt).
Ingested run_ingest(const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                    const IngestLimits& limits, const Dir* unpack_into, std::stop_token stop);

}  // namespace imgb
