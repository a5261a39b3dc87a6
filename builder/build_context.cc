#include "builder/build_context.h"

#include "builder/archive_input.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/ingest.h"
#include "layerfs/tree_view.h"

namespace imgb {

ArchiveContext open_archive_context(Store& store, const Fd& archive, std::string_view what, std::stop_token stop) {
  auto writer = store.blobs().create();
  FdSource source(archive.duplicate(), std::string(what));
  copy(source, *writer);
  Descriptor bytes = writer->commit("application/octet-stream");
  auto open = [&] { return store.blobs().open(bytes.digest); };
  auto found = find_archive(store, open, {}, std::move(stop));
  if (!found) throw_error(ErrorKind::input, "{} is no tar archive", printable(what));
  return {found->layer, {}};
}

std::optional<std::string> find_context_file(Store& store, const BuildContext& context, std::string_view path,
                                             std::uint64_t max_bytes, std::stop_token stop) {
  if (const auto* folder = std::get_if<FolderContext>(&context)) {
    return folder->dir.find_content(RootedPath::clean(path).relative(), max_bytes, Links::in_root);
  }
  const auto* archive = std::get_if<ArchiveContext>(&context);
  if (!archive) return std::nullopt;
  TreeView tree = TreeView().with(toc_of(store, archive->layer, std::move(stop)));
  auto node = tree.find(tree.resolve(RootedPath::clean(path)));
  if (!node) return std::nullopt;
  if (node->meta.type != FileType::regular) {
    throw_error(ErrorKind::input, "{} is not a regular file", printable(path));
  }
  if (node->meta.size_bytes > max_bytes) {
    throw_error(ErrorKind::input, "{} is longer than {} bytes", printable(path), max_bytes);
  }
  return read_from_layer(store, archive->layer, *node, max_bytes);
}

}  // namespace imgb
