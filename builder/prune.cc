#include "builder/prune.h"

#include <algorithm>
#include <map>

#include "builder/cache_mounts.h"
#include "builder/needs.h"
#include "core/base/error.h"
#include "core/store/disk_usage.h"
#include "layerfs/segment_table.h"
#include "layerfs/toc_store.h"
#include "sandbox/cgroup.h"
#include "sandbox/containers.h"

namespace imgb {
namespace {

bool has_labels(const LocalImage& image, const std::vector<std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& wanted) {
    std::size_t equals = wanted.find('=');
    auto found = image.config.config.labels.find(wanted.substr(0, equals));
    return found != image.config.config.labels.end() &&
           (equals == std::string::npos || found->second == wanted.substr(equals + 1));
  });
}

/// What no other process uses. Looked for before the names, records and containers that say what is needed.
struct Idle {
  Idle(Store& store, const SnapshotStore& unpacked, const CollectionLock& alone)
      : blobs(find_idle_blobs(store, alone)), snapshots(unpacked.find_idle(alone)) {}
  IdleBlobs blobs;
  std::vector<std::string> snapshots;
};

struct Unneeded {
  Garbage garbage;
  std::vector<std::string> snapshots;
  std::vector<LayerKey> tocs;
};

Unneeded find_unneeded(Store& store, const SnapshotStore& snapshots, const CollectionLock& alone, const Idle& idle,
                       const Needs& needs) {
  Unneeded out{find_garbage(store, alone, idle.blobs, needs.roots),
               snapshots.find_unused(alone, idle.snapshots, needs.stacks), list_tocs(store)};
  std::erase_if(out.tocs, [&](const LayerKey& layer) { return needs.layers.contains(layer); });
  return out;
}

/// Tables of contents, which need no room to go: before index.json and the cache are written anew, also on a full disk.
void remove_tocs(Store& store, const std::vector<LayerKey>& tocs, bool dry_run, Pruned& out) {
  if (tocs.empty()) return;
  Dir folder = store.folder("tocs");
  for (const LayerKey& layer : tocs) {
    if (auto toc = folder.find_stat(layer.digest.hex())) out.size_bytes += toc->disk_bytes;
    if (!dry_run) remove_toc(store, layer);
  }
}

/// All but tables of contents. The unpacked layers' bytes go with what is returned.
SnapshotStore::Scratch remove(Store& store, SnapshotStore& snapshots, const CollectionLock& alone,
                              const Unneeded& unneeded) {
  remove_garbage(store, alone, unneeded.garbage);
  return snapshots.take_out(alone, unneeded.snapshots);
}

/// Looks at every file of the unpacked layers, which takes its time: REQUIRES that nobody has to wait. `going` is where
/// they are by now, unless they stay.
void count(const SnapshotStore& snapshots, const Unneeded& unneeded, const SnapshotStore::Scratch* going, Pruned& out) {
  out.blobs += unneeded.garbage.blobs.size();
  out.leftovers += unneeded.garbage.leftovers.size();
  out.snapshots += unneeded.snapshots.size();
  out.tocs += unneeded.tocs.size();
  out.size_bytes += unneeded.garbage.size_bytes;
  for (const std::string& name : unneeded.snapshots)
    out.size_bytes += disk_bytes_below(snapshots.folder(), going ? going->name() + "/" + name : name);
}

/// Manifests of the images that containers were made of; a container needs its image as long as it is there.
std::optional<Descriptor> find_image_of(Store& store, const Container& container) {
  auto digest = Digest::find(container.config.image_digest);
  if (!digest) return std::nullopt;
  Descriptor image{.digest = *digest, .size_bytes = store.blobs().peek_size(*digest).value_or(0)};
  auto text = in_context([&] { return "the image of container " + container.config.name; },
                         [&] { return manifests_of(store.blobs())(image); });
  if (!text) return std::nullopt;
  image.media_type = parse_image_manifest(*text, "").media_type;
  return image;
}

/// Adds all images of the store but those that `going` names, and those of containers.
void add_images(Store& store, const std::set<Digest>& going, std::span<const Descriptor> of_containers, Needs& needs) {
  for (const NamedImage& image : store.images().list()) {
    if (going.contains(image.descriptor.digest)) continue;
    in_context([&] { return image.name.empty() ? "a nameless image" : image.name; },
               [&] { needs.add_image(store.blobs(), image.descriptor); });
  }
  for (const Descriptor& image : of_containers) needs.add_image(store.blobs(), image);
}

/// Leaves only what is in `blobs`, and no leftovers: those are prune's.
void narrow(Garbage& garbage, const std::set<Digest>& blobs) {
  std::erase_if(garbage.blobs, [&](const Garbage::Blob& blob) { return !blobs.contains(blob.digest); });
  garbage.leftovers.clear();
  garbage.size_bytes = 0;
  for (const Garbage::Blob& blob : garbage.blobs) garbage.size_bytes += blob.size_bytes;
}

/// What the cache knows of things that are gone, or that nobody has asked for since long.
void forget_derived(Store& store) {
  constexpr Nanoseconds kKept = 30LL * 24 * 3600 * kNanosecondsPerSecond;
  Nanoseconds since = now() - kKept;
  forget_absent_segments(store);
  StepCache(store).forget_explanations(since);
  for (CacheTable table : {CacheTable::context_stat, CacheTable::remote_file})
    store.cache().remove_unused_since(table, since);
  store.cache().shrink();
}

class Pruning {
 public:
  Pruning(Store& store, SnapshotStore& snapshots, const PruneRequest& request,
          const std::function<void(const std::string&)>& on_broken)
      : store_(store), snapshots_(snapshots), request_(request), on_broken_(on_broken) {}

  Pruned run() {
    if (auto folder = store_.root().find_dir(cache_mounts::kFolder)) mounts_ = list_idle_cache_mounts(*folder);
    std::optional<SnapshotStore::Scratch> going;
    Unneeded unneeded = choose(going);
    // From here on nobody waits for us.
    count(snapshots_, unneeded, going ? &*going : nullptr, out_);
    remove_cache_mounts();
    remove_remains();
    if (request_.dry_run) return std::move(out_);
    snapshots_.sweep([&](const std::string& why) { on_broken_("cannot free what a step left: " + why); });
    sweep_cgroups(find_cgroup_places());
    forget_derived(store_);
    return std::move(out_);
  }

 private:
  /// Finds what goes, and takes it out of use unless it is a dry run.
  Unneeded choose(std::optional<SnapshotStore::Scratch>& going) {
    CollectionLock alone(store_.root());
    Idle idle(store_, snapshots_, alone);
    held_ = store_.lease().held_by_others();
    choose_containers();
    choose_images();
    Needs needs;
    add_images(store_, going_images_, of_containers_, needs);
    choose_cache(needs);
    std::set<StackKey> unpacked;
    for (const auto& snapshot : snapshots_.list()) unpacked.insert(snapshot.stack);
    needs.add_stacks_of_steps(unpacked);
    Unneeded unneeded = find_unneeded(store_, snapshots_, alone, idle, needs);
    remove_tocs(store_, unneeded.tocs, request_.dry_run, out_);
    if (request_.dry_run) return unneeded;
    forget_names();
    going = remove(store_, snapshots_, alone, unneeded);
    return unneeded;
  }

  void choose_containers() {
    auto folder = store_.root().find_dir("containers");
    if (!folder) return;  // nor is it made here: there may be no room
    Containers containers(*std::move(folder));
    for (const Container& container : containers.list()) {
      bool goes = request_.ended_containers && container.state.phase != ContainerState::Phase::running &&
                  container.state.finished < request_.before;
      if (goes) {
        out_.containers.push_back(container.config.name);
        if (!request_.dry_run) containers.remove(container.config.id);
      } else if (auto image = find_image_of(store_, container)) {
        images_of_containers_.insert(image->digest);
        of_containers_.push_back(*std::move(image));
      }
    }
  }

  void choose_images() {
    std::map<Digest, std::vector<NamedImage>> entries;
    for (NamedImage& image : store_.images().list()) entries[image.descriptor.digest].push_back(std::move(image));
    for (const auto& [digest, named] : entries) {
      bool nameless = std::all_of(named.begin(), named.end(), [](const NamedImage& one) { return one.name.empty(); });
      if (!(request_.named_images || nameless) || images_of_containers_.contains(digest) ||
          held_.contains(digest.str()) || !fits_filters(named.front()))
        continue;
      going_images_.insert(digest);
      const std::string& name = named.back().name;  // sorted: nameless entries come first
      out_.images.push_back(name.empty() ? digest.str() : familiar_name(name));
    }
  }

  /// Of what cannot be read neither age nor labels are known: it fits only when nobody asks for them.
  bool fits_filters(const NamedImage& named) const {
    if (request_.before == std::numeric_limits<Nanoseconds>::max() && request_.labels.empty()) return true;
    try {
      LocalImage image = read_local_image(store_.blobs(), named.descriptor, Platform::host());
      return image.config.created.value_or(0) < request_.before && has_labels(image, request_.labels);
    } catch (const Error& e) {
      on_broken_(
          fmt::format("cannot read {}: {}", named.name.empty() ? named.descriptor.digest.str() : named.name, e.what()));
      return false;
    }
  }

  /// Steps and cache mounts, the most recently used first, so that keep_cache_bytes keeps those.
  void choose_cache(Needs& needs) {
    std::set<Digest> of_images = reachable(needs.roots, manifests_of(store_.blobs()));
    std::vector<CachedStep> steps = list_cached_steps(store_);
    auto by_use = [](const auto& a, const auto& b) { return a.last_used > b.last_used; };
    std::stable_sort(steps.begin(), steps.end(), by_use);
    std::stable_sort(mounts_.begin(), mounts_.end(), by_use);
    std::uint64_t kept_bytes = 0;
    auto fits = [&](std::uint64_t size) {
      return request_.keep_cache_bytes > 0 && (kept_bytes += size) <= request_.keep_cache_bytes;
    };
    auto mount = mounts_.begin();
    std::vector<CacheMount> going_mounts;
    auto choose_mounts = [&](Nanoseconds used_after) {
      for (; mount != mounts_.end() && mount->last_used >= used_after; ++mount)
        if (mount->last_used < request_.before && !fits(mount->size_bytes)) going_mounts.push_back(*mount);
    };
    std::set<Digest> counted = of_images;
    for (const CachedStep& step : steps) {
      choose_mounts(step.last_used);
      const Digest& blob = step.layer.blob.digest;
      bool shared = of_images.contains(blob);
      bool goes = step.last_used < request_.before && (request_.cache_of_images || !shared) &&
                  !fits(counted.insert(blob).second ? store_.blobs().peek_size(blob).value_or(0) : 0);
      if (goes)
        going_steps_.push_back(step.key);
      else
        needs.add_step(step);
    }
    choose_mounts(std::numeric_limits<Nanoseconds>::min());
    mounts_ = std::move(going_mounts);
    out_.steps = going_steps_.size();
  }

  void forget_names() {
    for (const Digest& image : going_images_) store_.images().remove_image(image);
    store_.cache().together([&] {
      for (const std::string& key : going_steps_) StepCache(store_).forget(key);
    });
  }

  void remove_cache_mounts() {
    Dir folder = store_.folder(cache_mounts::kFolder);
    for (const CacheMount& mount : mounts_) {
      if (!request_.dry_run && !remove_cache_mount(folder, mount.name)) continue;
      ++out_.cache_mounts;
      out_.size_bytes += mount.size_bytes;
    }
  }

  void remove_remains() {
    auto folder = store_.root().find_dir("containers");
    if (!folder) return;
    Containers containers(folder->duplicate());
    FileLock names = containers.lock_names();
    for (const std::string& remains : containers.list_remains(names)) {
      ++out_.leftovers;
      out_.size_bytes += disk_bytes_below(*folder, remains);
      if (!request_.dry_run) containers.remove_remains(names, remains);
    }
  }

  Store& store_;
  SnapshotStore& snapshots_;
  const PruneRequest& request_;
  const std::function<void(const std::string&)>& on_broken_;
  std::set<std::string> held_;
  std::set<Digest> images_of_containers_, going_images_;
  std::vector<Descriptor> of_containers_;
  std::vector<std::string> going_steps_;
  std::vector<CacheMount> mounts_;  ///< Idle ones; then those that go.
  Pruned out_;
};

}  // namespace

Pruned prune(Store& store, SnapshotStore& snapshots, const PruneRequest& request,
             const std::function<void(const std::string&)>& on_broken) {
  return Pruning(store, snapshots, request, on_broken).run();
}

Pruned release_image(Store& store, SnapshotStore& snapshots, const Descriptor& image) {
  Pruned out;
  std::optional<SnapshotStore::Scratch> going;
  std::optional<CollectionLock> alone(store.root());
  Idle idle(store, snapshots, *alone);
  Needs needs, its;
  try {
    its.add_image(store.blobs(), image);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;
    return out;  // what it alone needed is unknown, and is prune's
  }
  std::vector<Descriptor> of_containers;
  for (const Container& container : Containers(store.folder("containers")).list())
    if (auto used = find_image_of(store, container)) of_containers.push_back(*std::move(used));
  add_images(store, {}, of_containers, needs);
  for (const CachedStep& step : list_cached_steps(store)) needs.add_step(step);
  std::set<StackKey> unpacked;
  std::map<std::string, StackKey> stack_of;
  for (const auto& snapshot : snapshots.list()) {
    unpacked.insert(snapshot.stack);
    stack_of.emplace(snapshot.name, snapshot.stack);
  }
  needs.add_stacks_of_steps(unpacked);
  Unneeded unneeded = find_unneeded(store, snapshots, *alone, idle, needs);
  std::set<Digest> blobs = reachable(its.roots, manifests_of(store.blobs()));
  narrow(unneeded.garbage, blobs);
  std::erase_if(unneeded.snapshots, [&](const std::string& name) {
    auto stack = stack_of.find(name);
    return stack == stack_of.end() || !its.stacks.contains(stack->second);
  });
  std::erase_if(unneeded.tocs, [&](const LayerKey& layer) { return !its.layers.contains(layer); });
  remove_tocs(store, unneeded.tocs, false, out);
  going = remove(store, snapshots, *alone, unneeded);
  alone.reset();
  count(snapshots, unneeded, &*going, out);
  return out;
}

}  // namespace imgb
