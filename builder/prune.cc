#include "builder/prune.h"

#include <algorithm>
#include <map>

#include "builder/cache_mounts.h"
#include "builder/needs.h"
#include "core/base/error.h"
#include "core/store/disk_usage.h"
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

struct Unneeded {
  Garbage garbage;
  std::vector<std::string> snapshots;
  std::vector<DiffId> tocs;
};

Unneeded find_unneeded(Store& store, const SnapshotStore& snapshots, const CollectionLock& alone, const Needs& needs) {
  Unneeded out{find_garbage(store, alone, needs.roots), snapshots.find_unused(alone, needs.chains), list_tocs(store)};
  std::erase_if(out.tocs, [&](const DiffId& layer) { return needs.layers.contains(layer); });
  return out;
}

/// Counts it, and removes it unless it is a dry run. The unpacked layers' bytes go with what is returned.
std::optional<SnapshotStore::Scratch> collect(Store& store, SnapshotStore& snapshots, const CollectionLock& alone,
                                              const Unneeded& unneeded, bool dry_run, Pruned& out) {
  const auto& [garbage, unused, tocs] = unneeded;
  out.blobs += garbage.blobs.size();
  out.leftovers += garbage.leftovers.size();
  out.size_bytes += garbage.size_bytes;
  out.snapshots += unused.size();
  for (const std::string& name : unused) out.size_bytes += disk_bytes_below(snapshots.folder(), name);
  out.tocs += tocs.size();
  for (const DiffId& layer : tocs) out.size_bytes += disk_bytes_below(store.folder("tocs"), layer.digest.hex());
  if (dry_run) return std::nullopt;
  remove_garbage(store, alone, garbage);
  for (const DiffId& layer : tocs) remove_toc(store, layer);
  return snapshots.take_out(alone, unused);
}

/// Manifests of the images that containers were made of; a container needs its image as long as it is there.
std::optional<Descriptor> find_image_of(Store& store, const Container& container) {
  auto digest = Digest::find(container.config.image_digest);
  auto size = digest ? store.blobs().peek_size(*digest) : std::nullopt;
  if (!size) return std::nullopt;
  Descriptor image{.media_type = "", .digest = *digest, .size_bytes = *size};
  image.media_type = parse_image_manifest(read_blob(store.blobs(), image, kMaxManifestBytes), "").media_type;
  return image;
}

/// Leaves only what is in `blobs`, and no leftovers: those are prune's.
void narrow(Garbage& garbage, const std::set<Digest>& blobs) {
  std::erase_if(garbage.blobs, [&](const Garbage::Blob& blob) { return !blobs.contains(blob.digest); });
  garbage.leftovers.clear();
  garbage.size_bytes = 0;
  for (const Garbage::Blob& blob : garbage.blobs) garbage.size_bytes += blob.size_bytes;
}

void forget_step(Store& store, const std::string& key) {
  store.cache().remove(CacheTable::step, key);
  store.cache().remove(CacheTable::explain, StepCache::ingredients_key(key));
}

class Pruning {
 public:
  Pruning(Store& store, SnapshotStore& snapshots, const PruneRequest& request,
          const std::function<void(const std::string&)>& on_broken)
      : store_(store), snapshots_(snapshots), request_(request), on_broken_(on_broken) {}

  Pruned run() {
    std::optional<SnapshotStore::Scratch> going;
    {
      CollectionLock alone(store_.root());
      held_ = store_.lease().held_by_others();
      choose_containers();
      choose_images();
      Needs needs;
      for (const NamedImage& image : store_.images().list())
        if (!going_images_.contains(image.descriptor.digest)) needs.add_image(store_.blobs(), image.descriptor);
      for (const Descriptor& image : of_containers_) needs.add_image(store_.blobs(), image);
      choose_cache(needs);
      std::set<ChainId> unpacked;
      for (const auto& snapshot : snapshots_.list()) unpacked.insert(snapshot.chain);
      needs.add_stacks_of_steps(unpacked);
      if (!request_.dry_run) {
        forget_names();
        snapshots_.sweep([&](const std::string& why) { on_broken_("cannot free what a step left: " + why); });
      }
      going =
          collect(store_, snapshots_, alone, find_unneeded(store_, snapshots_, alone, needs), request_.dry_run, out_);
      remove_cache_mounts();
      if (!request_.dry_run) sweep_cgroups(find_cgroup_places());
    }
    return std::move(out_);
  }

 private:
  void choose_containers() {
    Containers containers(store_.folder("containers"));
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
      out_.images.push_back(name.empty() ? digest.str() : Reference::parse(name).familiar());
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
    mounts_ = list_idle_cache_mounts(store_.folder(cache_mounts::kFolder));
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
      for (const std::string& key : going_steps_) forget_step(store_, key);
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
  std::optional<SnapshotStore::Scratch> going;  // its bytes go when the lock is free again
  CollectionLock alone(store.root());
  Needs needs, its;
  its.add_image(store.blobs(), image);
  for (const NamedImage& other : store.images().list()) needs.add_image(store.blobs(), other.descriptor);
  for (const Container& container : Containers(store.folder("containers")).list())
    if (auto used = find_image_of(store, container)) needs.add_image(store.blobs(), *used);
  for (const CachedStep& step : list_cached_steps(store)) needs.add_step(step);
  std::set<ChainId> unpacked;
  std::map<std::string, ChainId> chain_of;
  for (const auto& snapshot : snapshots.list()) {
    unpacked.insert(snapshot.chain);
    chain_of.emplace(snapshot.name, snapshot.chain);
  }
  needs.add_stacks_of_steps(unpacked);
  Unneeded unneeded = find_unneeded(store, snapshots, alone, needs);
  std::set<Digest> blobs = reachable(its.roots, manifests_of(store.blobs()));
  narrow(unneeded.garbage, blobs);
  std::erase_if(unneeded.snapshots, [&](const std::string& name) {
    auto chain = chain_of.find(name);
    return chain == chain_of.end() || !its.chains.contains(chain->second);
  });
  std::erase_if(unneeded.tocs, [&](const DiffId& layer) { return !its.layers.contains(layer); });
  going = collect(store, snapshots, alone, unneeded, false, out);
  return out;
}

}  // namespace imgb
