#pragma once
#include <stop_token>
#include <vector>

#include "builder/copy_tree.h"
#include "builder/ignore.h"

namespace imgb {

/// Appends to `into` all below a folder that `exclude` does not name and, when there is an `include`, that this names:
/// parents before children, siblings by name. A folder that is not wanted itself comes with the first wanted thing
/// below it. Large trees are listed by as many threads as there are cores; what comes out does not depend on it.
void walk_below(const CopyTree& tree, const RootedPath& root, const IgnoreMatcher* include,
                const IgnoreMatcher& exclude, const std::stop_token& stop, std::vector<TreeView::Node>& into);

}  // namespace imgb
