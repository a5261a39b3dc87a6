#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/task.h"
#include "core/store/store.h"
#include "registry/server/layout_catalog.h"

namespace imgb::server {

/// A store of imgb's, read in place. A damaged blob goes to quarantine/, so that the next pull or push brings it back.
class StoreReader : public LayoutCatalog {
 public:
  using LayoutCatalog::LayoutCatalog;
  /// The folder is a store, and not another tool's layout, in which nothing is changed.
  static bool is_store(const Dir& root);
  void report_damaged(const Digest& digest, const BlobFile& blob) override;
};

/// A store that clients push into, in the store's own order of commits: a blob is written without a name, compared with
/// its digest and linked; a manifest is named when all that it needs is on disk. Names are those that imgb itself uses:
/// what is pushed as "foo/bar:1" is the image foo/bar:1 of `imgb images`.
///
/// A store's lease holds what clients were told is there. It is renewed every hour, and the old one goes an hour later:
/// so `imgb prune` leaves alone what may be part of a push that runs, and takes what is left of those that never ended.
class StoreCatalog : public StoreReader, private CatalogWriter {
 public:
  /// From clients. What is brought from other registries comes by put_manifest() and store() in any case.
  enum class Takes { pushes, nothing };
  /// Makes the store when there is none. Errors: as Store::open.
  static std::unique_ptr<StoreCatalog> open(const std::filesystem::path& path, std::string own_name,
                                            Takes takes = Takes::pushes);
  StoreCatalog(Store store, const std::filesystem::path& path, std::string own_name, Takes takes);
  CatalogWriter* writer() override { return takes_ == Takes::pushes ? this : nullptr; }

  void put_manifest(const Descriptor& manifest, std::string_view bytes, const Reference& name,
                    const std::vector<Digest>& children) override;
  std::shared_ptr<Store> store();

 private:
  std::unique_ptr<BlobWriter> begin_blob() override;
  std::optional<std::uint64_t> hold(const Digest& digest) override;
  bool remove_name(const Reference& name) override;
  bool remove_manifest(const std::string& repository, const Digest& digest) override;
  Removed remove_blob(const Digest& digest) override;
  std::uint64_t free_bytes() const override;

  using Clock = std::chrono::steady_clock;
  struct Opened {
    std::shared_ptr<Store> now, before;
    Clock::time_point since;
  };
  Takes takes_;
  std::filesystem::path path_;
  Guarded<Opened> opened_;
};

}  // namespace imgb::server
