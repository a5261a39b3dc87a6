#pragma once
#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>

#include "builder/build.h"
#include "builder/cache_document.h"
#include "builder/cache_remote.h"

namespace imgb {

/// Which steps a cache keeps.
enum class CacheMode {
  min,  ///< Those whose layers the result has.
  max,  ///< All of every stage that was needed.
};

/// What a build can tell other machines.
CacheDocument cache_document(std::span<const BuiltStep> steps, CacheMode mode);

/// Blobs of the store, and others that can be had: these are fetched into it when somebody opens them. Nothing can be
/// written through it. Borrows the store.
class BlobsWithinReach : public BlobStore {
 public:
  /// Afterwards the blob is in the store.
  using Fetch = std::function<void(const Descriptor& blob)>;
  explicit BlobsWithinReach(BlobStore& store) : store_(store) {}
  /// Not if it is in the store. For one thread, before others use this.
  void add(const Descriptor& blob, Fetch fetch);

  std::unique_ptr<BlobWriter> create() override;
  std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) override;
  std::unique_ptr<Source> open(const Digest& digest) const override;
  Fd open_file(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  void remove(const Digest& digest) override;
  std::vector<Digest> list() const override;

 private:
  void bring(const Digest& digest) const;
  struct Far {
    Descriptor blob;
    Fetch fetch;
  };
  BlobStore& store_;
  std::map<Digest, Far> far_;
};

/// Puts the document and its layers there. The same document gives the same manifest. Errors: as the remote.
void export_cache(const CacheDocument& document, CacheRemote& remote, Store& store, const BlobStore& blobs,
                  Progress& progress, const std::stop_token& stop);

}  // namespace imgb
