#include "layerfs/snapshot_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "core/base/error.h"
#include "core/base/task.h"
#include "layerfs/ingest_process.h"
#include "layerfs/seal.h"
#include "layerfs/snapshot_lock.h"
#include "layerfs/snapshot_marks.h"
#include "layerfs/snapshot_names.h"
#include "layerfs/snapshot_scratch.h"
#include "layerfs/toc_store.h"
#include "layerfs/upper_reader.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {

/// Downloads want more than the cores; each child has its 8 MiB of buffers.
constexpr unsigned kParallelLayers = 4;

std::vector<StackKey> keys_of(std::span<const Layer> stack) {
  std::vector<StackKey> keys;
  for (const Layer& layer : stack)
    keys.push_back(stack_key(keys.empty() ? std::nullopt : std::optional(keys.back()), key_of(layer)));
  return keys;
}

using Scratch = SnapshotStore::Scratch;

}  // namespace

struct SnapshotStore::State {
  explicit State(Store& in) : store(in), marks(in.folder("snapshots"), in.lease()) {}
  ~State() {
    if (newest_stop.with([](const std::stop_token& stop) { return stop.stop_requested(); })) remover->hurry();
  }

  /// One layer that is being unpacked.
  struct Unpacked {
    std::unique_ptr<Scratch::State> scratch;
    std::shared_ptr<const Toc> toc;
  };
  std::vector<std::size_t> missing(const std::vector<StackKey>& keys) const;
  std::vector<SnapshotLock> lock_all(const std::vector<StackKey>& keys, const std::vector<std::size_t>& which,
                                     const std::stop_token& stop) const;
  Unpacked unpack(const Layer& layer, const StreamBlob& stream, const IngestLimits& limits, std::stop_token stop);
  void sweep_once() {
    std::call_once(swept, [this] {
      place_apart(marks.folder());
      sweep_scratch(marks.folder(), *remover);
    });
  }

  /// The view asked for last; a build's steps extend it one by one.
  struct Cached {
    std::vector<Layer> layers;
    TreeView view;
  };
  Store& store;
  SnapshotMarks marks;
  Guarded<Cached> cached;
  Guarded<std::stop_token> newest_stop;  ///< Of who works with this: once stopped, nobody waits for what is removed.
  std::once_flag swept, mount_points_made;
  std::shared_ptr<BackgroundRemover> remover = std::make_shared<BackgroundRemover>();
};

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

SnapshotStore::State::Unpacked SnapshotStore::State::unpack(const Layer& layer, const StreamBlob& stream,
                                                            const IngestLimits& limits, std::stop_token stop) {
  Unpacked out;
  out.scratch = std::make_unique<Scratch::State>(marks.folder(), remover);
  Dir upper = out.scratch->dir.open_dir(kUpperName);
  Ingested found = run_ingest(layer.blob, layer.diff_id, stream, limits, &upper, std::move(stop));
  keep_toc(store, key_of(layer), found.toc);
  out.toc = std::make_shared<const Toc>(std::move(found.toc));
  return out;
}

SnapshotStore::SnapshotStore(Store& store) : state_(std::make_unique<State>(store)) {}
SnapshotStore::~SnapshotStore() = default;
const Dir& SnapshotStore::folder() const { return state_->marks.folder(); }
bool SnapshotStore::made_any() const { return state_->marks.made_any(); }
std::vector<SnapshotStore::Snapshot> SnapshotStore::list() const { return state_->marks.list(); }

std::vector<std::string> SnapshotStore::find_unused(const CollectionLock&, const std::set<StackKey>& kept) const {
  return state_->marks.find_unused(kept);
}

void SnapshotStore::sweep(const std::function<void(const std::string&)>& on_left) const {
  sweep_scratch(folder(), on_left);
}

SnapshotStore::Scratch SnapshotStore::take_out(const CollectionLock&, const std::vector<std::string>& names) {
  auto scratch = std::make_unique<Scratch::State>(folder());
  for (const std::string& name : names) state_->marks.take_out(name, scratch->dir);
  return Scratch(std::move(scratch));
}

bool SnapshotStore::has(std::span<const Layer> stack) const { return state_->missing(keys_of(stack)).empty(); }

TreeView SnapshotStore::view(std::span<const Layer> stack, std::stop_token stop) {
  State::Cached cached = state_->cached.with([](State::Cached& c) { return c; });
  bool extends =
      cached.layers.size() <= stack.size() && std::equal(cached.layers.begin(), cached.layers.end(), stack.begin());
  if (!extends) cached = {};
  for (const Layer& layer : stack.subspan(cached.layers.size())) {
    cached.view = cached.view.with(toc_of(state_->store, layer, stop));
    cached.layers.push_back(layer);
  }
  state_->cached.with([&](State::Cached& c) { c = cached; });
  return cached.view;
}

std::vector<std::string> SnapshotStore::ensure(std::span<const Layer> stack, const StreamBlob& stream,
                                               const IngestLimits& limits, std::stop_token stop) {
  State& s = *state_;
  s.newest_stop.with([&](std::stop_token& newest) { newest = stop; });
  std::vector<StackKey> keys = keys_of(stack);
  if (auto wanted = s.missing(keys); !wanted.empty()) {
    s.sweep_once();
    std::vector<SnapshotLock> locks = s.lock_all(keys, wanted, stop);
    wanted = s.missing(keys);  // another process may have been faster
    std::vector<State::Unpacked> unpacked(stack.size());
    TaskGroup tasks(kParallelLayers, stop);
    for (std::size_t i : wanted) tasks.add([&, i] { unpacked[i] = s.unpack(stack[i], stream, limits, tasks.stop()); });
    tasks.join();
    for (std::size_t i : wanted) {
      Dir upper = unpacked[i].scratch->dir.open_dir(kUpperName);
      TreeView below = view(stack.first(i), stop);
      seal(upper, *unpacked[i].toc, below,
           [&](std::size_t layer) { return folder().open_dir(s.marks.find(keys[layer]).value()); });
      s.marks.publish(keys[i], unpacked[i].scratch->dir, kUpperName);
      unpacked[i].scratch.reset();
    }
  }
  std::vector<std::string> names;
  for (const StackKey& one : keys) names.push_back(s.marks.find(one).value());
  return names;
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

Layer SnapshotStore::commit(Scratch& scratch, std::span<const Layer> below, const CommitOptions& options,
                            std::stop_token stop) {
  Dir upper = folder().open_dir(scratch.upper());
  std::function<TreeView()> make_view = [&] { return view(below, stop); };
  remove_stubs(upper, options.leave_out, make_view);
  LayerWriter writer(state_->store, options.layer, stop);
  read_upper(upper, make_view, options.layer, writer, stop);
  return writer.finish();
}

void SnapshotStore::adopt(Scratch scratch, std::span<const Layer> below, const Layer& layer, std::stop_token stop) {
  State& s = *state_;
  std::vector<Layer> stack(below.begin(), below.end());
  stack.push_back(layer);
  std::vector<StackKey> keys = keys_of(stack);
  if (scratch.state_->needs_seal) {
    seal(scratch.state_->dir.open_dir(kUpperName), *toc_of(s.store, layer, stop), view(below, stop),
         [&](std::size_t lower) { return folder().open_dir(s.marks.find(keys[lower]).value()); });
  }
  SnapshotLock lock = SnapshotLock::take(folder(), lock_place(keys.back()), std::move(stop));
  s.marks.publish(keys.back(), scratch.state_->dir, kUpperName);
}

std::optional<std::string> SnapshotStore::find_content(std::span<const Layer> stack, const RootedPath& path,
                                                       std::uint64_t max_bytes, std::stop_token stop) {
  TreeView tree = view(stack, std::move(stop));
  auto node = tree.find(tree.resolve(path));
  if (!node || node->meta.type != FileType::regular) return std::nullopt;
  std::vector<StackKey> keys = keys_of(stack);
  if (auto unpacked = state_->marks.find(keys.at(node->layer)))
    return folder().open_dir(*unpacked).read_file(node->path.relative(), max_bytes);
  return read_from_layer(state_->store, stack[node->data_layer], *node, max_bytes);
}

void settle_snapshots(const Dir& root) {
  auto folder = root.find_dir("snapshots");
  auto alone = folder ? FileLock::try_take(*folder, "settle.lock", FileLock::Mode::exclusive) : std::nullopt;
  if (!alone) return;
  Lease unused(root);
  SnapshotMarks(folder->duplicate(), unused).settle(root, [&] {
    if (::syncfs(folder->fd().get()) < 0) throw_errno("sync {}", folder->name());
  });
}

}  // namespace imgb
