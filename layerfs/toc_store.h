#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "core/store/store.h"
#include "layerfs/toc.h"

namespace imgb {

/// Tables of contents in ROOT/tocs, by LayerKey. Written whole under their own name, not synced: a torn one is found by
/// its checksum, removed and made again from the blob.
void keep_toc(Store& store, const LayerKey& layer, const Toc& toc);
std::shared_ptr<const Toc> find_toc(Store& store, const LayerKey& layer);  ///< nullptr: none, or it was torn.
/// There is one, as long as it should be. Who reads it finds out whether it is torn.
bool has_toc(Store& store, const LayerKey& layer);

/// Layers that have one.
std::vector<LayerKey> list_tocs(Store& store);
void remove_toc(Store& store, const LayerKey& layer);  ///< Made again from the blob when it is wanted.

}  // namespace imgb
