#include "layerfs/layer_reader.h"

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/entry_policy.h"
#include "layerfs/layer_tree.h"

namespace imgb {
namespace {

void read_file(TarReader& tar, const FileMeta& meta, const LayerTree::Place& place, std::uint64_t data_offset,
               LayerTree& tree, UpperWriter* unpack) {
  Hasher hasher;
  if (unpack) unpack->begin_file(place.path, meta);
  for (auto bytes = tar.data(); !bytes.empty(); bytes = tar.data()) {
    hasher.update(bytes);
    if (unpack) unpack->write(bytes);
  }
  if (unpack) unpack->end_file();
  tree.set_content(place, data_offset, hasher.finish());
}

void unpack_entry(const TocEntry& entry, const LayerTree::Place& place, UpperWriter& unpack) {
  if (entry.kind == TocEntry::Kind::hard_link) {
    // A link into a lower layer is copied up when that layer is there (layerfs/seal.h).
    if (place.link_is_here) unpack.make_hard_link(place.path, place.link_to);
  } else if (entry.kind == TocEntry::Kind::file && entry.meta.type == FileType::directory) {
    if (place.is_new && !place.path.is_root()) unpack.make_folder(place.path);
  } else if (entry.kind == TocEntry::Kind::file) {
    unpack.make_special(place.path, entry.meta);
  }
}

}  // namespace

Toc read_layer(TarReader& tar, std::uint64_t max_entries, UpperWriter* unpack) {
  LayerTree tree(max_entries, [&](const RootedPath& path) {
    if (unpack) unpack->remove(path);
  });
  while (std::optional<TarEntry> member = tar.next()) {
    auto entry = admit(std::move(*member));
    if (!entry) continue;
    LayerTree::Place place = tree.place(*entry);
    if (entry->kind == TocEntry::Kind::file && entry->meta.type == FileType::regular) {
      read_file(tar, entry->meta, place, entry->data_offset, tree, unpack);
    } else if (unpack) {
      unpack_entry(*entry, place, *unpack);
    }
  }
  Toc toc = tree.finish();
  if (unpack) unpack->finish(toc);
  return toc;
}

}  // namespace imgb
