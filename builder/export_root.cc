#include <algorithm>
#include <unordered_map>

#include "builder/copy_selection.h"
#include "builder/export.h"
#include "builder/root_folder.h"
#include "builder/stack_files.h"
#include "builder/tar_sink.h"
#include "core/base/task.h"
#include "layerfs/ingest.h"
#include "layerfs/layer_writer.h"

namespace imgb {
namespace {

/// The whole tree that the layers show, and the bytes of its files.
struct RootTree {
  RootTree(Store& store, SnapshotStore& snapshots, std::span<const Layer> layers, const std::stop_token& stop)
      : files(store, snapshots, {layers.begin(), layers.end()}, stop) {
    TreeView view;
    for (const Layer& layer : layers) view = view.with(toc_of(store, layer, stop));
    item = select_subtree(LayerCopyTree(view), RootedPath(), stop);
    std::vector<StackFiles::Range> wanted;
    for (const TreeView::Node& node : item.nodes) {
      if (node.meta.type == FileType::regular) wanted.push_back(StackFiles::range_of(node));
    }
    files.prepare(std::move(wanted));
  }
  StackFiles files;
  CopyItem item;
};

std::optional<Nanoseconds> latest(std::optional<std::int64_t> epoch_seconds) {
  if (!epoch_seconds) return std::nullopt;
  return nanoseconds_of(*epoch_seconds);
}

}  // namespace

void write_root_archive(Store& store, SnapshotStore& snapshots, std::span<const Layer> layers,
                        std::optional<std::int64_t> source_date_epoch, Sink& into, std::stop_token stop) {
  RootTree root(store, snapshots, layers, stop);
  auto& nodes = root.item.nodes;
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::unordered_map<std::uint64_t, const TreeView::Node*> first_names;
  TarSink tar(into);
  for (const TreeView::Node& node : nodes) {
    throw_if_stopped(stop);
    if (node.path.is_root()) continue;
    TocEntry entry{.path = node.path, .meta = node.meta};
    entry.meta.mtime = layer_mtime(node.meta.mtime, latest(source_date_epoch));
    if (node.link_group) {
      auto [first, is_first] = first_names.try_emplace(node.link_group, &node);
      if (!is_first) {
        entry.kind = TocEntry::Kind::hard_link;
        entry.link_to = first->second->path;
      }
    }
    bool has_bytes = entry.kind == TocEntry::Kind::file && node.meta.type == FileType::regular;
    auto bytes = has_bytes ? root.files.open(node) : nullptr;
    tar.add(entry, entry.meta, bytes.get());
  }
  tar.finish();
}

void write_root_folder(Store& store, SnapshotStore& snapshots, std::span<const Layer> layers,
                       std::optional<std::int64_t> source_date_epoch, const Dir& into, std::stop_token stop) {
  RootTree root(store, snapshots, layers, stop);
  write_tree(
      root.item,
      [&](const TreeView::Node& node) {
        throw_if_stopped(stop);
        return root.files.open(node);
      },
      into, latest(source_date_epoch));
}

}  // namespace imgb
