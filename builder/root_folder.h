#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "builder/copy_selection.h"
#include "core/base/dir.h"
#include "core/base/stream.h"
#include "core/base/time.h"

namespace imgb {

using OpenNode = std::function<std::unique_ptr<Source>(const TreeView::Node&)>;

/// Writes what `item` holds below `into`: files, folders, links, devices, with mode, time (not after `max_mtime`),
/// extended attributes and, as far as the caller's rights reach, owner. Everything goes through `into`; nothing in it
/// is followed. A file that is there is replaced, a folder is kept.
void write_tree(const CopyItem& item, const OpenNode& open, const Dir& into,
                std::optional<Nanoseconds> max_mtime = std::nullopt);

}  // namespace imgb
