#include "layerfs/tree_view.h"

#include <algorithm>
#include <numeric>

#include "core/base/error.h"
#include "core/base/link_walk.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Kind = TocEntry::Kind;
constexpr int kMaxLinks = 40;  // hard links across layers

/// One layer's table with the two small indexes that lookups need, empty for most layers.
struct IndexedToc {
  explicit IndexedToc(std::shared_ptr<const Toc> table) : toc(std::move(table)) {
    if (toc->count_of(Kind::removed) + toc->count_of(Kind::opaque) > 0) index_real();
    if (toc->count_of(Kind::hard_link) > 0) index_link_targets();
  }
  /// Is there an entry in [from, to) that puts something into the tree?
  bool adds_between(std::size_t from, std::size_t to) const {
    return from < to && (next_real.empty() || next_real[from] < to);
  }
  std::optional<std::size_t> link_target_group(std::size_t index) const {
    auto at = std::ranges::lower_bound(link_targets, index);
    if (at == link_targets.end() || *at != index) return std::nullopt;
    return index;
  }

  std::shared_ptr<const Toc> toc;
  std::vector<std::uint32_t> next_real;  // per entry: first entry from it on that is no whiteout; empty: all are real
  std::vector<std::uint32_t> link_targets;  // sorted: entries that hard links of this layer name

 private:
  void index_real() {
    next_real.resize(toc->size());
    auto next = static_cast<std::uint32_t>(toc->size());
    for (std::size_t i = toc->size(); i-- > 0;) {
      if (toc->kind(i) != Kind::removed) next = static_cast<std::uint32_t>(i);
      next_real[i] = next;
    }
  }
  void index_link_targets() {
    for (std::size_t i = 0; i < toc->size(); ++i) {
      if (toc->kind(i) != Kind::hard_link) continue;
      if (auto target = toc->find((*toc)[i].link_to.str(), Kind::file))
        link_targets.push_back(static_cast<std::uint32_t>(*target));
    }
    std::ranges::sort(link_targets);
    link_targets.erase(std::unique(link_targets.begin(), link_targets.end()), link_targets.end());
  }
};

/// The entries of one layer below one folder: a range of its table.
struct Slice {
  std::size_t layer, from, to;
};

/// What one layer says of one path.
struct AtPath {
  std::optional<std::size_t> entry;
  bool entry_is_folder = false, removed = false, opaque = false, adds_below = false;
  Slice below{};
};

/// What the stack says of one path.
struct Found {
  bool exists = false;
  std::size_t layer = 0;             ///< Topmost that puts it there.
  std::optional<std::size_t> index;  ///< Of the entry that gives the metadata; unset: no layer names the folder.
  std::size_t metadata_layer = 0;
  bool is_folder = false;
  std::vector<Slice> below;  ///< Layers visible below it, top first.
};

/// Of the paths of what is in the folder: its own, and the "/" behind it.
std::size_t prefix_bytes_of(const RootedPath& folder) { return folder.is_root() ? 1 : folder.str().size() + 1; }

std::uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text) | (1ULL << 63); }

}  // namespace

struct TreeView::State {
  std::vector<std::shared_ptr<const IndexedToc>> layers;

  std::vector<Slice> everything(std::size_t layer_count) const {
    std::vector<Slice> out;
    for (std::size_t i = layer_count; i-- > 0;) out.push_back({i, 0, layers[i]->toc->size()});
    return out;
  }
  Found root(std::size_t layer_count) const;
  AtPath look(const Slice& slice, std::string_view name, std::size_t prefix_bytes) const;
  Found step(const std::vector<Slice>& slices, std::string_view name, std::size_t prefix_bytes) const;
  Found find(const RootedPath& path, std::size_t layer_count) const;
  std::optional<Node> node(RootedPath path, const Found& found, int hops = 0) const;
  void follow_hard_link(Node& node, const TocEntry& link, int hops) const;
  std::vector<std::string> child_names(std::size_t prefix_bytes, const std::vector<Slice>& slices) const;
};

/// Looks at one name in every visible layer, top first, until one hides those below. All paths of the slices begin with
/// the same `prefix_bytes`, those of the folder and its "/": what was compared once is not compared again.
Found TreeView::State::step(const std::vector<Slice>& slices, std::string_view name, std::size_t prefix_bytes) const {
  Found found;
  bool only_metadata = false;  // the content below is hidden, but the folder's mode and owner may still be there
  for (const Slice& slice : slices) {
    AtPath here = look(slice, name, prefix_bytes);
    if (here.entry && !here.entry_is_folder) {
      if (!found.exists)
        found = {.exists = true, .layer = slice.layer, .index = here.entry, .metadata_layer = slice.layer};
      break;
    }
    if (!only_metadata) {
      if (!found.exists) found.layer = slice.layer;
      if (here.entry || here.opaque || here.adds_below) found.exists = found.is_folder = true;
      if (here.below.from < here.below.to) found.below.push_back(here.below);
    }
    if (here.entry && !found.index) {
      found.index = here.entry;
      found.metadata_layer = slice.layer;
    }
    if (here.removed) break;
    if (here.opaque) only_metadata = true;
    if (only_metadata && found.index) break;
  }
  if (!found.exists) found.below.clear();
  return found;
}

/// What one layer says of a path.
AtPath TreeView::State::look(const Slice& slice, std::string_view name, std::size_t prefix_bytes) const {
  const IndexedToc& layer = *layers[slice.layer];
  const Toc& toc = *layer.toc;
  AtPath here;
  std::size_t at = toc.lower_bound(name, slice.from, slice.to, prefix_bytes);
  for (; at < slice.to && toc.path(at, prefix_bytes) == name; ++at) {
    Kind kind = toc.kind(at);
    if (kind == Kind::file || kind == Kind::hard_link) here.entry = at;
    if (kind == Kind::removed) here.removed = true;
    if (kind == Kind::opaque) here.opaque = true;
  }
  here.entry_is_folder = here.entry && toc.is_folder(*here.entry);
  std::string inside(name == "/" ? "" : name), behind = inside;
  inside += '/';
  behind += '0';  // the byte after "/"
  here.below = {slice.layer, toc.lower_bound(inside, at, slice.to, prefix_bytes), 0};
  here.below.to = toc.lower_bound(behind, here.below.from, slice.to, prefix_bytes);
  here.adds_below = layer.adds_between(here.below.from, here.below.to);
  return here;
}

Found TreeView::State::root(std::size_t layer_count) const {
  Found found = step(everything(layer_count), "/", 0);
  found.exists = found.is_folder = true;
  return found;
}

Found TreeView::State::find(const RootedPath& path, std::size_t layer_count) const {
  Found found = root(layer_count);
  std::string_view text = path.str();
  for (std::size_t begin = 1; begin < text.size() && found.exists;) {
    std::size_t end = std::min(text.find('/', begin), text.size());
    found = step(found.below, text.substr(begin, end - begin), begin);
    begin = end + 1;
  }
  return found;
}

std::optional<TreeView::Node> TreeView::State::node(RootedPath path, const Found& found, int hops) const {
  if (!found.exists) return std::nullopt;
  Node node;
  node.path = std::move(path);
  node.layer = node.data_layer = found.layer;
  if (!found.index) {
    node.meta.type = FileType::directory;
    return node;
  }
  const IndexedToc& layer = *layers[found.metadata_layer];
  TocEntry entry = (*layer.toc)[*found.index];
  if (entry.kind == Kind::hard_link) {
    follow_hard_link(node, entry, hops);
    return node;
  }
  if (auto group = layer.link_target_group(*found.index))
    node.link_group = hash_of(fmt::format("{} {}", found.metadata_layer, *group));
  node.meta = std::move(entry.meta);
  node.content = entry.content;
  node.data_offset = entry.data_offset;
  return node;
}

/// A target of this layer is the usual case. Else it is the file of that name in the layers below.
void TreeView::State::follow_hard_link(Node& node, const TocEntry& link, int hops) const {
  const IndexedToc& layer = *layers[node.layer];
  if (auto target = layer.toc->find(link.link_to.str(), Kind::file)) {
    TocEntry file = (*layer.toc)[*target];
    node.link_group = hash_of(fmt::format("{} {}", node.layer, *target));
    node.meta = std::move(file.meta);
    node.content = file.content;
    node.data_offset = file.data_offset;
    return;
  }
  std::optional<Node> lower;
  if (hops < kMaxLinks) lower = this->node(link.link_to, find(link.link_to, node.layer), hops + 1);
  if (!lower || lower->meta.type == FileType::directory)
    throw_error(ErrorKind::input, "{} is a hard link to {}, which no layer holds", printable(node.path.str()),
                printable(link.link_to.str()));
  node.meta = std::move(lower->meta);
  node.content = lower->content;
  node.data_layer = lower->data_layer;
  node.data_offset = lower->data_offset;
  node.link_group = hash_of(fmt::format("{} below {}", node.layer, link.link_to.str()));
}

/// Names of what the slices hold directly in the folder, sorted, some of them maybe removed.
std::vector<std::string> TreeView::State::child_names(std::size_t prefix_bytes,
                                                      const std::vector<Slice>& slices) const {
  std::vector<std::string> names;
  for (const Slice& slice : slices) {
    const Toc& toc = *layers[slice.layer]->toc;
    std::size_t at = slice.from;
    while (at < slice.to) {
      std::string_view rest = toc.path(at, prefix_bytes);
      std::string name(rest.substr(0, rest.find('/')));
      // Past the name itself, or past all that lies below it: one search where the folder is big, none where it is a
      // file.
      at = rest.size() == name.size() ? at + 1 : toc.lower_bound(name + '0', at, slice.to, prefix_bytes);
      if (names.empty() || names.back() != name) names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

TreeView::TreeView() : state_(std::make_shared<State>()) {}

TreeView TreeView::with(std::shared_ptr<const Toc> layer) const {
  auto state = std::make_shared<State>(*state_);
  state->layers.push_back(std::make_shared<IndexedToc>(std::move(layer)));
  TreeView out;
  out.state_ = std::move(state);
  return out;
}

std::size_t TreeView::layer_count() const { return state_->layers.size(); }

std::optional<TreeView::Node> TreeView::find(const RootedPath& path) const {
  return state_->node(path, state_->find(path, layer_count()));
}

std::vector<TreeView::Node> TreeView::children(const RootedPath& folder) const {
  std::vector<Node> out;
  Found found = state_->find(folder, layer_count());
  if (!found.exists || !found.is_folder) return out;
  std::size_t prefix_bytes = prefix_bytes_of(folder);
  for (const std::string& name : state_->child_names(prefix_bytes, found.below)) {
    Found child = state_->step(found.below, name, prefix_bytes);
    if (auto node = state_->node(folder.child(name), child)) out.push_back(std::move(*node));
  }
  return out;
}

RootedPath TreeView::resolve(const RootedPath& path, bool follow_last) const {
  LinkWalk walk(path.relative(), path.str());
  RootedPath current;
  std::vector<Found> open{state_->root(layer_count())};  // of `current` and its parents
  while (auto part = walk.next()) {
    if (*part == "..") {
      current = current.parent();
      if (open.size() > 1) open.pop_back();
      continue;
    }
    RootedPath next = current.child(*part);
    Found found = state_->step(open.back().below, *part, prefix_bytes_of(current));
    auto node = found.is_folder ? std::nullopt : state_->node(next, found);
    bool is_link = node && node->meta.type == FileType::symlink && (follow_last || !walk.at_end());
    if (!is_link) {
      current = std::move(next);
      open.push_back(std::move(found));
    } else if (walk.follow(node->meta.link_target)) {
      current = RootedPath();
      open.resize(1);
    }
  }
  return current;
}

struct TreeView::Descent::Place {
  std::shared_ptr<const State> tree;
  RootedPath path;
  std::vector<Found> open;  ///< Of the root and all on the way to `path`, which is last.
};

TreeView::Descent::Descent(const TreeView& tree) : place_(std::make_unique<Place>()) {
  place_->tree = tree.state_;
  place_->open.push_back(tree.state_->root(tree.layer_count()));
}
TreeView::Descent::Descent(Descent&&) noexcept = default;
TreeView::Descent::~Descent() = default;
const RootedPath& TreeView::Descent::path() const { return place_->path; }
bool TreeView::Descent::is_folder() const { return place_->open.back().exists && place_->open.back().is_folder; }

void TreeView::Descent::enter(std::string_view name) {
  Place& p = *place_;
  RootedPath path = p.path.child(name);
  p.open.push_back(p.tree->step(p.open.back().below, name, prefix_bytes_of(p.path)));
  p.path = std::move(path);
}

void TreeView::Descent::leave() {
  place_->open.pop_back();
  place_->path = place_->path.parent();
}

void TreeView::Descent::go_to(const RootedPath& path) {
  while (!this->path().is_root() && path != this->path() && !path.is_below(this->path())) leave();
  std::string_view rest = std::string_view(path.str()).substr(prefix_bytes_of(this->path()) - 1);
  for (std::string_view name : split(rest, '/'))
    if (!name.empty()) enter(name);
}

std::optional<TreeView::Node> TreeView::Descent::node() const {
  return place_->tree->node(place_->path, place_->open.back());
}

std::vector<std::string> TreeView::Descent::names() const {
  if (!is_folder()) return {};
  return place_->tree->child_names(prefix_bytes_of(place_->path), place_->open.back().below);
}

namespace {

void walk_content(TreeView::Descent& folder, const std::function<bool(const TreeView::Node&)>& visit) {
  std::vector<std::string> open;  // keys "name/" of visited folders whose content is still to come; the next is last
  auto take_content = [&] {
    std::string name = std::move(open.back());
    open.pop_back();
    name.pop_back();
    folder.enter(name);
    walk_content(folder, visit);
    folder.leave();
  };
  for (std::string& name : folder.names()) {
    while (!open.empty() && open.back() < name) take_content();
    folder.enter(name);
    auto node = folder.node();
    folder.leave();
    if (node && visit(*node) && node->meta.type == FileType::directory) open.push_back(std::move(name += '/'));
  }
  while (!open.empty()) take_content();
}

}  // namespace

void TreeView::walk(const RootedPath& top, const std::function<bool(const Node&)>& visit) const {
  Descent at(*this);
  at.go_to(top);
  if (auto node = at.node(); node && visit(*node) && node->meta.type == FileType::directory) walk_content(at, visit);
}

}  // namespace imgb
