#pragma once
#include <cstdint>

#include "layerfs/tar_reader.h"
#include "layerfs/toc.h"
#include "layerfs/upper_writer.h"

namespace imgb {

/// Reads one foreign layer tar: entries through the policy into the tree, every file's digest, and with `unpack` (may
/// be null) all of it onto the disk. Gives the table of contents. Errors: as TarReader, admit and LayerTree; system.
Toc read_layer(TarReader& tar, std::uint64_t max_entries, UpperWriter* unpack);

}  // namespace imgb
