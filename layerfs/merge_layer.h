#pragma once
#include "core/base/dir.h"
#include "layerfs/toc.h"

namespace imgb {

/// Lays an unpacked and sealed layer over a whole tree: its files and folders are moved there, not copied; what it
/// removes is removed. `layer` is spent afterwards. Both are below one mount. The layer's whiteouts come from `toc`:
/// none need to be on disk. Nothing is followed; what the tree has in the place of a folder makes way for it.
void merge_layer(const Dir& layer, const Toc& toc, const Dir& tree);

}  // namespace imgb
