#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/stream.h"
#include "core/store/store.h"
#include "layerfs/ingest.h"

namespace imgb {

/// Whether something that begins like this (at least one block of it, if it has as much) is an archive: a tar of any
/// age, by the checksum of its first header, or anything compressed. As Docker tells one from a Dockerfile.
bool looks_like_archive(std::string_view start);

struct FoundArchive {
  Layer layer;
  Digest content;  ///< Of the file, as it was read.
};

struct ArchiveKind {
  Compression compression;
  bool layer_form;  ///< A layer may hold these bytes as they are; else the tar that is in them (xz, bzip2).
};
/// nullopt: no archive. Hostile bytes: they are read in a confined child. Reads no further than it has to.
std::optional<ArchiveKind> find_archive_kind(Source& file, const IngestLimits& limits);

/// The archive that a file is, as a layer of the store (dockerfile.md 3.3 "ADD local archive"); nullopt when it is
/// none: what counts is the content (tar, plain or compressed with gzip, bzip2, xz or zstd), never the name. `open`
/// gives the bytes from the start; what it gave before is then used no more. The bytes are hostile: they are read in
/// confined children.
std::optional<FoundArchive> find_archive(Store& store, const std::function<std::unique_ptr<Source>()>& open,
                                         const IngestLimits& limits, std::stop_token stop);

}  // namespace imgb
