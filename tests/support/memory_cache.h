#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "builder/cache_remote.h"
#include "core/base/task.h"
#include "core/store/store.h"

namespace imgb {

/// What a registry keeps, in memory, for any number of stores.
struct MemoryCacheHub {
  std::map<Digest, std::string> blobs;
  std::optional<CacheRemote::Content> content;
  std::vector<Digest> moved_in, moved_out;  ///< Layers.
  bool is_away = false;                     ///< Nobody answers.
};

/// A cache at the hub as one store sees it. Borrows both.
class MemoryCache : public CacheRemote {
 public:
  MemoryCache(MemoryCacheHub& hub, Store& store) : hub_(hub), store_(store) {}
  std::string name() const override { return "memory"; }
  std::optional<Reference> repository() const override { return std::nullopt; }
  std::optional<Content> find(const Platform&, Activity&, std::stop_token) override;
  void fetch(const Descriptor& blob, Activity&, std::stop_token) override;
  std::string put(const Descriptor& manifest, const BlobStore& blobs, Activity&, std::stop_token) override;

 private:
  void check() const;
  MemoryCacheHub& hub_;
  Store& store_;
  std::mutex mutex_;
};

}  // namespace imgb
