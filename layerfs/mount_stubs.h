#pragma once
#include <functional>
#include <span>

#include "core/base/dir.h"
#include "core/base/rooted_path.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// What a sandbox made in a root file system to mount something over it, and must leave no trace (V32, V50). A stub
/// that is no longer an empty file or folder stays, for the step put something there; nothing is followed.

/// Takes away one, if it is there, and gives its folder the time back that it has now.
void remove_stub(const Dir& root, const RootedPath& stub);

/// Takes stubs out of an upper folder: each path, then every parent that came to be, or was copied up, for it alone. A
/// parent that stays gets the time back that the stub changed.
void remove_stubs(const Dir& upper, std::span<const RootedPath> stubs, const std::function<TreeView()>& below);

}  // namespace imgb
