#pragma once
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/cache_document.h"
#include "builder/cache_remote.h"
#include "builder/step_cache.h"
#include "core/base/task.h"

namespace imgb {

/// What build caches elsewhere know, for one build; earlier remotes win. Layers that it names stay where they are until
/// somebody needs their bytes (`fetch`).
///
/// A remote that is missing, broken or lies is a warning and is out of use from then on, never a failure. Steps may
/// have been taken for cached before their layers turn out to be gone: then `fetch` throws, and the build begins anew
/// without that remote (`lost_any`). Threads: find, fetch and below may be called at once.
class CacheImport {
 public:
  /// Borrows all.
  CacheImport(Store& store, std::vector<CacheRemote*> remotes, Progress& progress)
      : store_(store), remotes_(std::move(remotes)), progress_(progress) {}

  /// Asks all remotes at once; the second time nobody. Error(cancelled).
  void load(const Platform& platform, const std::stop_token& stop);
  bool is_empty() const;

  struct Found {
    Digest key;  ///< The whole one, whichever was asked for.
    std::optional<Digest> quick_key;
    MadeLayer made;
  };
  /// By key or quick key. `upon` is what the step was made upon.
  std::optional<Found> find(const Digest& key, const MadeUpon& upon);

  /// Where a layer that is not in the store can be had; nullptr: nowhere.
  CacheRemote* find_remote(const Digest& blob) const;
  /// Afterwards those of the layers that are known here are in the store, and so are, when they were checked, the
  /// records of the steps that made them. `check`: bytes and DiffIds; else the caller unpacks them, which checks too,
  /// and says what came of it.
  void fetch(std::span<const Layer> layers, bool check, Activity& activity, const std::stop_token& stop);
  void confirm(std::span<const Layer> layers);
  /// One of these layers is not what it was said to be: who said so is out of use.
  void accuse(std::span<const Layer> layers, const std::string& why);
  /// Keeps what was believed of layers that are in the store, so that the next build needs nobody for them.
  void keep_what_is_here(const std::stop_token& stop);
  /// True once after a remote went out of use that had been believed.
  bool lost_any();

  /// The content of a cache mount by the name of its folder, as a layer; nullopt: nobody has it.
  std::optional<Layer> find_mount(const std::string& name) const;
  /// The same, in the store; nullopt too when it cannot be had, which is a warning: mounts may always be empty.
  std::optional<Layer> fetch_mount(const std::string& name, Activity& activity, const std::stop_token& stop);
  std::uint64_t fetched_bytes() const;  ///< Of layers.

 private:
  struct Entry {
    std::size_t remote;
    CacheDocument::Step step;
    Layer layer;
  };
  struct MountEntry {
    std::size_t remote;
    Layer layer;
  };
  struct State {
    std::set<std::size_t> out_of_use;
    std::map<Digest, Entry> steps;  ///< By key and by quick key.
    std::map<std::string, MountEntry> mounts;
    std::map<Digest, std::vector<std::size_t>> where;  ///< Remotes by blob.
    struct Believed {
      std::size_t remote;
      Found found;
    };
    std::map<LayerKey, std::vector<Believed>> used;  ///< Records that were believed and are not in the store yet.
    bool lost = false;
    std::uint64_t fetched_bytes = 0;
  };
  void load(std::size_t remote, const Platform& platform, const std::stop_token& stop);
  void add(std::size_t remote, const CacheDocument& document);
  void give_up(std::size_t remote, const std::string& why);
  /// False when nobody has it any more.
  bool try_fetch(const Layer& layer, bool check, Activity& activity, const std::stop_token& stop);
  void get(const Layer& layer, std::size_t remote, bool check, Activity& activity, const std::stop_token& stop);
  bool is_here(const Layer& layer) const;

  Store& store_;
  std::vector<CacheRemote*> remotes_;
  Progress& progress_;
  bool loaded_ = false;
  Guarded<State> state_;
};

}  // namespace imgb
