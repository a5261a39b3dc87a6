#include "builder/bind_source.h"

#include <fcntl.h>

#include "builder/copy_plan.h"
#include "layerfs/ingest.h"

namespace imgb {
namespace {

/// What is mounted, in a layer made for it: not the layer's root, which could not carry a mode and owner of its own.
constexpr std::string_view kTop = "mounted";

}  // namespace

BindSource::BindSource(const Input& input, const FileSystem& files, const RootedPath& path, StepServices& services,
                       Activity& activity, std::stop_token stop)
    : files_(files),
      path_(path),
      services_(services),
      activity_(activity),
      stop_(stop),
      input_(services, input, files, activity, stop) {}

CopyItem& BindSource::item() {
  if (!item_) {
    item_ = select_subtree(input_.tree(), path_, stop_);
    std::vector<CopyItem> items{std::move(*item_)};
    input_.hash_unknown(items);
    item_ = std::move(items.front());
    // As in BuildKit: a context is what is in its folder, not the folder, whose mode is a matter of the host.
    TreeView::Node& top = item_->nodes.front();
    if (input_.is_folder() && item_->root.is_root()) {
      top.meta = {.type = FileType::directory, .mode = 0755, .mtime = top.meta.mtime};
    }
  }
  return *item_;
}

void BindSource::add_to(Ingredients& key, std::string_view name) {
  if (!input_.is_folder() && path_.is_root()) {
    key.add(fmt::format("{} content", name), files_.stack_text());
    return;
  }
  add_mounted(key, item(), fmt::format("{}: ", name));
}

Fd BindSource::open() {
  if (auto there = find_in_one_layer()) return std::move(*there);
  return open_copy();
}

/// The entries of one layer below the path are all there is, and none of them hides anything.
std::optional<Fd> BindSource::find_in_one_layer() {
  if (input_.is_folder() || files_.layers.empty()) return std::nullopt;
  const CopyItem& all = item();
  std::size_t layer = all.nodes.front().layer;
  for (const TreeView::Node& node : all.nodes) {
    if (node.layer != layer) return std::nullopt;
  }
  std::vector<Layer> stack(files_.layers.begin(), files_.layers.begin() + static_cast<std::ptrdiff_t>(layer) + 1);
  auto toc = toc_of(services_.tools.store, stack.back(), stop_);
  std::string inside = all.root.is_root() ? "/" : all.root.str() + '/';
  std::size_t from = toc->lower_bound(inside, 0, toc->size());
  std::size_t to = toc->lower_bound(inside.substr(0, inside.size() - 1) + '0', from, toc->size());
  std::size_t entries = 0;
  for (std::size_t i = from; i < to; ++i) {
    if (toc->path(i) == "/") continue;
    if (toc->kind(i) != TocEntry::Kind::file && toc->kind(i) != TocEntry::Kind::hard_link) return std::nullopt;
    ++entries;
  }
  if (entries != all.nodes.size() - 1) return std::nullopt;
  FileSystem needed = files_;
  needed.layers = std::move(stack);
  auto folders = services_.unpack(needed, activity_, stop_);
  return services_.tools.snapshots.folder().open_file(folders.back() + all.root.str(), O_PATH | O_NOFOLLOW);
}

Fd BindSource::open_copy() {
  CopyItem& all = item();
  Ingredients key;
  key.add("kind", "bind 2");
  add_mounted(key, all);
  auto made = services_.cache.find(key.key());
  if (!made) {
    CopyPlanner planner(TreeView(), PlaceOptions{.now = services_.new_file_time()});
    RootedPath top = RootedPath().child(kTop);
    planner.place(all, 0, {top, all.is_folder()});
    CopyPlan plan = planner.take();
    plan.at(top).meta = all.nodes.front().meta;
    std::vector<const TreeView::Node*> wanted;
    auto has_bytes = [](const PlannedEntry& entry) {
      return entry.source && entry.source->meta.type == FileType::regular;
    };
    for (const auto& [path, entry] : plan) {
      if (has_bytes(entry)) wanted.push_back(entry.source);
    }
    input_.prepare(wanted);
    LayerWriter writer(services_.tools.store, services_.layer_options(), stop_);
    for (auto& [path, entry] : plan) {
      TocEntry out{.path = path, .kind = entry.kind, .meta = entry.meta, .link_to = entry.link_to};
      if (!has_bytes(entry)) {
        writer.add(std::move(out));
        continue;
      }
      auto bytes = input_.open(*entry.source);
      writer.add(std::move(out), bytes.get());
      input_.close(*entry.source, path);
    }
    made = MadeLayer{writer.finish(), services_.request.now, {}};
    services_.cache.put(key.key(), *made);
  }
  FileSystem copy = FileSystem{}.with(*made);
  std::string path = fmt::format("{}/{}", services_.unpack(copy, activity_, stop_).front(), kTop);
  return services_.tools.snapshots.folder().open_file(path, O_PATH | O_NOFOLLOW);
}

}  // namespace imgb
