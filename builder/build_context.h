#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>

#include "builder/sources.h"
#include "core/base/dir.h"
#include "core/base/fd.h"
#include "core/oci/reference.h"
#include "core/store/store.h"
#include "layerfs/toc.h"

namespace imgb {

/// A folder of the host. Only what COPY and ADD can select is read, never through a link that leads out (V40).
struct FolderContext {
  Dir dir;
  std::string id;      ///< Its absolute path without links: where its stat cache is found again.
  std::string ignore;  ///< Text of the ignore file that counts for it; "" for none.
};
/// A tree kept as one layer of the store: what a tar on stdin, a .tar file or a download became.
struct ArchiveContext {
  Layer layer;
  std::string ignore;
};
struct EmptyContext {};
using BuildContext = std::variant<EmptyContext, FolderContext, ArchiveContext>;

/// Reads an archive (tar, plain or compressed with gzip, bzip2, xz or zstd; hostile) from `archive` into the store.
/// Error(input) when it is none, naming `what`.
ArchiveContext open_archive_context(Store& store, const Fd& archive, std::string_view what, std::stop_token stop);

/// A file of a context, such as its Dockerfile or .dockerignore; symlinks stay inside. nullopt when absent.
/// Error(input) when it is longer than `max_bytes` or no regular file.
std::optional<std::string> find_context_file(Store& store, const BuildContext& context, std::string_view path,
                                             std::uint64_t max_bytes, std::stop_token stop);

/// --build-context NAME=docker-image://REF or oci-layout://...: `source` knows the image; null: the build's own source.
struct ImageContext {
  Reference name;
  BaseImageSource* source = nullptr;
};
/// What --build-context gives a name.
using NamedContext = std::variant<EmptyContext, FolderContext, ArchiveContext, ImageContext>;

}  // namespace imgb
