#pragma once
#include <stop_token>

#include "core/base/dir.h"
#include "layerfs/change_source.h"
#include "layerfs/layer_writer.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// Turns a folder as a finished step left it (hostile: V91) into the entries of a layer, in order, each file read once.
/// Nothing below it is written by others any more. Folders are opened by descriptor, links never followed. `changes`
/// says where to look.
///
/// The layer is a function of the tree before and the tree after, whatever happened between them: what is as it was
/// below (type, mode, owner, time as layers hold it, attributes, content) leaves no entry, whether it was touched or
/// not; a folder has one when it differs or something in it does; what is gone is one whiteout for each name (a folder
/// that was made anew is no opaque one). Sockets are as nothing. Names that were one file below and are alike stay one,
/// though overlayfs copied each of them. Error(unsupported) on what only the overlay mount could resolve (redirect,
/// metacopy).
void read_changes(const Dir& root, const ChangeSource& changes, const TreeView& below, const LayerOptions& options,
                  LayerWriter& into, const std::stop_token& stop);

}  // namespace imgb
