#pragma once
#include <functional>

#include "core/base/dir.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// Finishes an unpacked layer with what only the layers below it know. Layers unpack side by side; this comes after:
///   - folders that the layer names only as parents take mode, owner, attributes and time from below
///   - a hard link to a file of a lower layer becomes a copy of it (overlayfs would copy it up as well)
///   - folders that hold nothing but whiteouts without an effect go away
/// `open_lower(i)` gives the unpacked folder of layer i of `below`; it is asked only for hard links.
/// Errors: input (a hard link to nothing), system.
void seal(const Dir& upper, const Toc& layer, const TreeView& below, const std::function<Dir(std::size_t)>& open_lower);

}  // namespace imgb
