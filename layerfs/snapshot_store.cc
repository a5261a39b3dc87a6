#include "layerfs/snapshot_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "core/base/error.h"
#include "core/base/task.h"
#include "layerfs/ingest_process.h"
#include "layerfs/mount_stubs.h"
#include "layerfs/seal.h"
#include "layerfs/snapshot_names.h"
#include "layerfs/snapshot_state.h"
#include "layerfs/toc_store.h"
#include "layerfs/upper_reader.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {

/// Downloads want more than the cores; each child has its 8 MiB of buffers.
constexpr unsigned kParallelLayers = 4;

using Scratch = SnapshotStore::Scratch;

}  // namespace

std::vector<StackKey> keys_of(std::span<const Layer> stack) {
  std::vector<StackKey> keys;
  for (const Layer& layer : stack)
    keys.push_back(stack_key(keys.empty() ? std::nullopt : std::optional(keys.back()), key_of(layer)));
  return keys;
}

SnapshotStore::State::State(Store& in, std::function<SnapshotForm()> choose)
    : store(in),
      marks(in.folder("snapshots"), in.lease(), SnapshotForm::layers),
      trees(in.folder("snapshots"), in.lease(), SnapshotForm::trees),
      choose_form_(std::move(choose)) {}

SnapshotStore::State::~State() {
  if (newest_stop.with([](const std::stop_token& stop) { return stop.stop_requested(); })) remover->hurry();
}

SnapshotForm SnapshotStore::State::form() {
  std::call_once(form_chosen_, [this] { form_ = choose_form_ ? choose_form_() : SnapshotForm::layers; });
  return form_;
}

void SnapshotStore::State::sweep_once() {
  std::call_once(swept, [this] {
    place_apart(folder());
    sweep_scratch(folder(), *remover);
  });
}

Dir SnapshotStore::State::Unpacked::upper() const { return scratch->dir.open_dir(kUpperName); }

Dir SnapshotStore::State::open_snapshot(const StackKey& key) const {
  auto name = marks.find(key);
  if (!name) throw_error(ErrorKind::internal, "the layers of stack {} are not unpacked", key.digest.str());
  return folder().open_dir(*name);
}

std::vector<std::size_t> SnapshotStore::State::missing(const std::vector<StackKey>& keys) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!marks.find(keys[i])) out.push_back(i);
  }
  return out;
}

/// In one order for all, so that two processes never wait for each other.
std::vector<SnapshotLock> SnapshotStore::State::lock_all(const std::vector<StackKey>& keys,
                                                         const std::vector<std::size_t>& which,
                                                         const std::stop_token& stop) const {
  std::set<std::uint64_t> places;
  for (std::size_t i : which) places.insert(lock_place(keys[i]));
  std::vector<SnapshotLock> locks;
  for (std::uint64_t place : places) locks.push_back(SnapshotLock::take(marks.folder(), place, stop));
  return locks;
}

SnapshotStore::State::Unpacked SnapshotStore::State::unpack(const Layer& layer, const Work& work,
                                                            std::stop_token stop) {
  Unpacked out;
  out.scratch = std::make_unique<Scratch::State>(folder(), remover);
  Dir upper = out.upper();
  Unpacking into{upper, form() == SnapshotForm::layers};
  Ingested found = run_ingest(layer.blob, layer.diff_id, work.stream, work.limits, &into, std::move(stop));
  keep_toc(store, key_of(layer), found.toc);
  out.toc = std::make_shared<const Toc>(std::move(found.toc));
  return out;
}

std::vector<SnapshotStore::State::Unpacked> SnapshotStore::State::unpack_all(const Work& work,
                                                                             const std::vector<std::size_t>& which) {
  std::vector<Unpacked> unpacked(work.stack.size());
  TaskGroup tasks(kParallelLayers, work.stop);
  for (std::size_t i : which) tasks.add([&, i] { unpacked[i] = unpack(work.stack[i], work, tasks.stop()); });
  tasks.join();
  return unpacked;
}

TreeView SnapshotStore::State::view(std::span<const Layer> stack, const std::stop_token& stop) {
  Cached now = cached.with([](Cached& c) { return c; });
  bool extends = now.layers.size() <= stack.size() && std::equal(now.layers.begin(), now.layers.end(), stack.begin());
  if (!extends) now = {};
  for (const Layer& layer : stack.subspan(now.layers.size())) {
    now.view = now.view.with(toc_of(store, layer, stop));
    now.layers.push_back(layer);
  }
  cached.with([&](Cached& c) { c = now; });
  return now.view;
}

SnapshotStore::SnapshotStore(Store& store, std::function<SnapshotForm()> form)
    : state_(std::make_unique<State>(store, std::move(form))) {}
SnapshotStore::~SnapshotStore() = default;
const Dir& SnapshotStore::folder() const { return state_->folder(); }
SnapshotForm SnapshotStore::form() { return state_->form(); }
bool SnapshotStore::made_any() const { return state_->marks.made_any() || state_->trees.made_any(); }
std::vector<SnapshotStore::Snapshot> SnapshotStore::list() const { return state_->marks.list(); }

std::vector<std::string> SnapshotStore::find_idle(const CollectionLock&) const { return state_->marks.find_idle(); }

std::vector<std::string> SnapshotStore::find_unused(const CollectionLock&, std::vector<std::string> idle,
                                                    const std::set<StackKey>& kept) const {
  return state_->marks.find_unused(std::move(idle), kept);
}

void SnapshotStore::sweep(const std::function<void(const std::string&)>& on_left) const {
  sweep_scratch(folder(), on_left);
}

SnapshotStore::Scratch SnapshotStore::take_out(const CollectionLock&, const std::vector<std::string>& names) {
  auto scratch = std::make_unique<Scratch::State>(folder());
  for (const std::string& name : names) state_->marks.take_out(name, scratch->dir);
  return Scratch(std::move(scratch));
}

bool SnapshotStore::has(std::span<const Layer> stack) {
  return form() == SnapshotForm::layers ? state_->missing(keys_of(stack)).empty() : stack.empty();
}

TreeView SnapshotStore::view(std::span<const Layer> stack, std::stop_token stop) { return state_->view(stack, stop); }

void SnapshotStore::prepare(std::span<const Layer> stack, const StreamBlob& stream, const IngestLimits& limits,
                            std::stop_token stop) {
  if (form() == SnapshotForm::layers)
    ensure(stack, stream, limits, std::move(stop));
  else if (!stack.empty())
    state_->prepare_tree({stack, stream, limits, std::move(stop)});
}

std::vector<std::string> SnapshotStore::ensure(std::span<const Layer> stack, const StreamBlob& stream,
                                               const IngestLimits& limits, std::stop_token stop) {
  State& s = *state_;
  s.newest_stop.with([&](std::stop_token& newest) { newest = stop; });
  if (stack.empty()) return {};
  State::Work work{stack, stream, limits, stop};
  if (form() == SnapshotForm::trees) {
    s.sweep_once();
    return std::vector<std::string>(stack.size(), s.hold_tree(work));
  }
  std::vector<StackKey> keys = keys_of(stack);
  if (auto wanted = s.missing(keys); !wanted.empty()) {
    s.sweep_once();
    std::vector<SnapshotLock> locks = s.lock_all(keys, wanted, stop);
    wanted = s.missing(keys);  // another process may have been faster
    std::vector<State::Unpacked> unpacked = s.unpack_all(work, wanted);
    for (std::size_t i : wanted) {
      seal(unpacked[i].upper(), *unpacked[i].toc, view(stack.first(i), stop),
           [&](std::size_t layer) { return s.open_snapshot(keys[layer]); });
      s.marks.publish(keys[i], unpacked[i].scratch->dir, kUpperName);
      unpacked[i].scratch.reset();
    }
  }
  std::vector<std::string> names;
  for (const StackKey& one : keys) names.push_back(s.marks.find(one).value());
  return names;
}

/// The time by the clock that stamps files in this folder.
static FileTime time_of_files(const Dir& folder) {
  return stat_of(folder.open_spool(O_WRONLY, 0600), folder.name()).ctime;
}

SnapshotStore::Root SnapshotStore::make_root(std::span<const Layer> stack, const StreamBlob& stream,
                                             const IngestLimits& limits, Use use, std::stop_token stop) {
  if (form() == SnapshotForm::layers) {
    std::vector<std::string> lower = ensure(stack, stream, limits, stop);
    std::reverse(lower.begin(), lower.end());
    lower.push_back(mount_points());
    return {make_scratch(stack), std::move(lower)};
  }
  state_->newest_stop.with([&](std::stop_token& newest) { newest = stop; });
  state_->sweep_once();
  auto tree = state_->own_tree({stack, stream, limits, stop});
  if (use == Use::layer) tree->index = TreeIndex::of(tree->dir.open_dir(kUpperName), time_of_files(tree->dir), stop);
  return {Scratch(std::move(tree)), {}};
}

SnapshotStore::Scratch SnapshotStore::make_scratch(std::span<const Layer> below) {
  state_->sweep_once();
  auto scratch = std::make_unique<Scratch::State>(folder(), state_->remover);
  auto top = below.empty() ? std::nullopt : state_->marks.find(keys_of(below).back());
  if (top) {
    FileStat root = folder().stat(*top);
    Dir upper = scratch->dir.open_dir(kUpperName);
    apply_metadata(upper.fd(), {.mode = root.mode, .uid = root.uid, .gid = root.gid, .mtime = root.mtime}, "/");
  }
  return Scratch(std::move(scratch));
}

std::string SnapshotStore::mount_points() {
  std::call_once(state_->mount_points_made, [&] {
    Dir points = folder().make_dirs(kMountPointsName, 0755);
    for (const char* name : {"proc", "sys", "dev", "etc"}) {
      points.make_dirs(name, 0755);
      points.set_mode(name, 0755);  // whatever the umask
    }
    for (const char* name : {"etc/hosts", "etc/resolv.conf"}) {
      points.open_file(name, O_RDONLY | O_CREAT, 0644);
      points.set_mode(name, 0644);
    }
  });
  return std::string(kMountPointsName);
}

namespace {

/// Mount stubs that are still there, and that the tree did not have before.
void remove_new_stubs(const Dir& tree, const TreeIndex& before, std::span<const RootedPath> stubs) {
  std::set<RootedPath, std::greater<>> inner_first(stubs.begin(), stubs.end());
  for (const RootedPath& stub : inner_first)
    if (!before.holds(stub)) remove_stub(tree, stub);
}

}  // namespace

Layer SnapshotStore::commit(Scratch& scratch, std::span<const Layer> below, const CommitOptions& options,
                            std::stop_token stop) {
  Dir upper = folder().open_dir(scratch.upper());
  LayerWriter writer(state_->store, options.layer, stop);
  if (scratch.is_tree()) {
    const TreeIndex& before = scratch.state_->index.value();
    remove_new_stubs(upper, before, options.leave_out);
    read_changes(upper, TreeChanges(upper, before, stop), view(below, stop), options.layer, writer, stop);
  } else {
    remove_stubs(upper, options.leave_out, [&] { return view(below, stop); });
    read_changes(upper, UpperChanges(), view(below, stop), options.layer, writer, stop);
  }
  return writer.finish();
}

void SnapshotStore::adopt(Scratch scratch, std::span<const Layer> below, const Layer& layer, std::stop_token stop) {
  State& s = *state_;
  std::vector<Layer> stack(below.begin(), below.end());
  stack.push_back(layer);
  std::vector<StackKey> keys = keys_of(stack);
  if (scratch.state_->needs_seal) {
    seal(scratch.state_->dir.open_dir(kUpperName), *toc_of(s.store, layer, stop), view(below, stop),
         [&](std::size_t lower) { return s.open_snapshot(keys[lower]); });
  }
  SnapshotLock lock = SnapshotLock::take(folder(), lock_place(keys.back()), std::move(stop));
  s.marks_of(*scratch.state_).publish(keys.back(), scratch.state_->dir, kUpperName);
}

std::optional<std::string> SnapshotStore::find_content(std::span<const Layer> stack, const RootedPath& path,
                                                       std::uint64_t max_bytes, std::stop_token stop) {
  TreeView tree = view(stack, stop);
  auto node = tree.find(tree.resolve(path));
  if (!node || node->meta.type != FileType::regular) return std::nullopt;
  if (auto unpacked = find_unpacked(stack, *node, max_bytes, std::move(stop))) return unpacked;
  return read_from_layer(state_->store, stack[node->data_layer], *node, max_bytes);
}

std::optional<std::string> SnapshotStore::find_unpacked(std::span<const Layer> stack, const TreeView::Node& file,
                                                        std::uint64_t max_bytes, std::stop_token stop) {
  std::vector<StackKey> keys = keys_of(stack);
  std::string path(file.path.relative());
  if (form() == SnapshotForm::trees) {
    auto tree = keys.empty() ? std::nullopt : state_->find_tree(keys.back(), stop);
    return tree ? std::optional(tree->read_file(path, max_bytes)) : std::nullopt;
  }
  auto unpacked = state_->marks.find(keys.at(file.layer));
  return unpacked ? std::optional(folder().open_dir(*unpacked).read_file(path, max_bytes)) : std::nullopt;
}

void settle_snapshots(const Dir& root) {
  auto folder = root.find_dir("snapshots");
  auto alone = folder ? FileLock::try_take(*folder, "settle.lock", FileLock::Mode::exclusive) : std::nullopt;
  if (!alone) return;
  Lease unused(root);
  SnapshotMarks(folder->duplicate(), unused, SnapshotForm::layers).settle(root, [&] {
    if (::syncfs(folder->fd().get()) < 0) throw_errno("sync {}", folder->name());
  });
}

}  // namespace imgb
