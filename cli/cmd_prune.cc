#include <set>

#include "builder/step_cache.h"
#include "cli/commands.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/gc.h"
#include "core/store/local_image.h"
#include "sandbox/containers.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Prune : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(all_, "a,all", "Images that no container uses too, not only those without a name");
    flags.boolean(cache_, "cache", "The build cache too");
    flags.boolean(containers_, "containers", "Containers that ended too");
    flags.boolean(dry_run_, "dry-run", "Only tell what would go");
    flags.list(filters_, "filter", "FILTER", "until=24h: only what is older or was not used since; label=KEY[=VALUE]");
    flags.boolean(force_, "f,force", "For scripts: nothing is asked").hidden = true;
  }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    parse_filters();
    Store& store = env.store();
    if (!dry_run_ && !store.lock_exclusively(false))
      throw Error(ErrorKind::unavailable, "the store is in use").set_hint("stop builds and containers, then try again");
    if (containers_) remove_containers(env, store);
    std::vector<Descriptor> doomed = remove_images(env, store);
    if (cache_) remove_records(env, store);
    std::vector<Descriptor> roots = cache_records(store);
    Garbage garbage = find_garbage(store, roots);
    if (!dry_run_) remove_garbage(store, garbage);
    std::uint64_t size = garbage.size_bytes + (dry_run_ ? size_of(store, doomed) : 0);
    env.print_line(fmt::format("{} blobs and {} leftovers", garbage.blobs.size(), garbage.leftovers.size()));
    env.print_line(fmt::format("{} {}", dry_run_ ? "would free" : "freed", render_size(size)));
    return 0;
  }

 private:
  void parse_filters() {
    for (const std::string& filter : filters_) {
      std::size_t equals = filter.find('=');
      std::string key = filter.substr(0, equals), value = equals == std::string::npos ? "" : filter.substr(equals + 1);
      auto age = key == "until" ? find_go_duration(value) : std::nullopt;
      if (age)
        before_ = now() - *age;
      else if (key == "label" && !value.empty())
        labels_.push_back(value);
      else
        throw_error(ErrorKind::usage, "filter {:?} is not understood", printable(filter));
    }
  }

  void remove_containers(CliEnv& env, Store& store) const {
    Containers containers(store.folder("containers"));
    for (const Container& container : containers.list()) {
      if (container.state.phase == ContainerState::Phase::running || container.state.finished > before_) continue;
      if (!dry_run_) containers.remove(container.config.id);
      env.print_line("container " + container.config.name);
    }
  }

  // A container needs its image as long as it is there.
  std::vector<Descriptor> remove_images(CliEnv& env, Store& store) const {
    std::set<std::string> used;
    for (const Container& container : Containers(store.folder("containers")).list())
      used.insert(container.config.image_digest);
    std::vector<Descriptor> removed;
    auto broken = [&](const std::string& what) { env.tell("WARNING: cannot read " + what); };
    for (const LocalImage& image : list_local_images(store, Platform::host(), broken)) {
      bool wanted = (all_ || image.names.empty()) && !used.count(image.descriptor.digest.str());
      if (!wanted || image.config.created.value_or(0) > before_ || !has_labels(image)) continue;
      if (!dry_run_) store.images().remove_image(image.descriptor.digest);
      env.print_line("image " + (image.names.empty() ? image.id().str() : Reference::parse(image.names[0]).familiar()));
      removed.push_back(image.descriptor);
    }
    return removed;
  }

  bool has_labels(const LocalImage& image) const {
    for (const std::string& wanted : labels_) {
      std::size_t equals = wanted.find('=');
      auto found = image.config.config.labels.find(wanted.substr(0, equals));
      if (found == image.config.config.labels.end()) return false;
      if (equals != std::string::npos && found->second != wanted.substr(equals + 1)) return false;
    }
    return true;
  }

  void remove_records(CliEnv& env, Store& store) const {
    std::vector<std::string> old;
    store.cache().for_each(CacheTable::step, [&](const CacheDb::Row& row) {
      if (row.last_used <= before_) old.push_back(row.key);
    });
    store.cache().together([&] {
      for (const std::string& key : old)
        if (!dry_run_) store.cache().remove(CacheTable::step, key);
    });
    env.print_line(fmt::format("{} steps of the build cache", old.size()));
  }

  static std::vector<Descriptor> cache_records(Store& store) {
    std::vector<Descriptor> layers;
    store.cache().for_each(CacheTable::step, [&](const CacheDb::Row& row) {
      if (auto made = find_layer_record(row.value)) layers.push_back(made->layer.blob);
    });
    return layers;
  }

  // What only these images need. An estimate from above: the layers may be cached steps too.
  static std::uint64_t size_of(Store& store, const std::vector<Descriptor>& images) {
    std::set<Digest> going = reachable(images, manifests_of(store.blobs())), staying;
    std::vector<Descriptor> kept;
    for (const NamedImage& image : store.images().list())
      if (std::find(images.begin(), images.end(), image.descriptor) == images.end()) kept.push_back(image.descriptor);
    staying = reachable(kept, manifests_of(store.blobs()));
    std::uint64_t size = 0;
    for (const Digest& digest : going)
      if (!staying.count(digest)) size += store.blobs().find_size(digest).value_or(0);
    return size;
  }

  bool all_ = false, cache_ = false, containers_ = false, dry_run_ = false, force_ = false;
  Nanoseconds before_ = std::numeric_limits<Nanoseconds>::max();
  std::vector<std::string> filters_, labels_;
};

}  // namespace

Command prune_command() { return {"prune", "Free space: what nothing needs any more", make_verb<Prune>}; }

}  // namespace imgb
