#pragma once
#include <functional>
#include <span>
#include <stop_token>

#include "core/base/dir.h"
#include "layerfs/layer_writer.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// Turns an overlayfs upper folder, as a finished step left it (hostile: V91), into the entries of a layer, in order,
/// each file read once. Nothing below it is written by others any more. Folders are opened by descriptor, links never
/// followed.
///
/// Device 0:0 is a whiteout when `below` has the path; an opaque folder is one when `below` has the folder; a folder
/// that is empty and just like the one below leaves no entry; sockets leave none. `below` is asked for only when it is
/// needed. Error(unsupported) on what only the overlay mount could resolve (redirect, metacopy).
void read_upper(const Dir& upper, const std::function<TreeView()>& below, const LayerOptions& options,
                LayerWriter& into, const std::stop_token& stop);

/// Takes mount stubs out of an upper folder: each path, then every parent that came to be, or was copied up, for it
/// alone. A parent that stays gets the time back that the stub changed. A stub that is no longer an empty file or
/// folder stays: the step put something there.
void remove_stubs(const Dir& upper, std::span<const RootedPath> stubs, const std::function<TreeView()>& below);

}  // namespace imgb
