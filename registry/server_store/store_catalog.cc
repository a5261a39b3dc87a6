#include "registry/server_store/store_catalog.h"

#include <set>

#include "core/base/error.h"
#include "core/store/file_blob_store.h"
#include "core/store/gc.h"
#include "core/store/layout.h"
#include "core/store/publish.h"

namespace imgb::server {
namespace {

constexpr std::chrono::hours kLeaseTime{1};

/// Keeps the store, and so its lease, as long as the blob is written.
class HeldWriter : public BlobWriter {
 public:
  HeldWriter(std::shared_ptr<Store> store) : store_(std::move(store)), writer_(store_->blobs().create()) {}
  void write(std::span<const std::byte> bytes) override { writer_->write(bytes); }
  void expect(const Digest& digest) override { writer_->expect(digest); }
  Descriptor commit(std::string media_type) override { return writer_->commit(std::move(media_type)); }
  std::uint64_t size_bytes() const override { return writer_->size_bytes(); }

 private:
  std::shared_ptr<Store> store_;
  std::unique_ptr<BlobWriter> writer_;
};

}  // namespace

bool StoreReader::is_store(const Dir& root) {
  return root.find_stat(layout::kBlobsLock) && root.find_stat(layout::kIndexLock) && root.find_stat(layout::kIngest);
}

void StoreReader::report_damaged(const Digest& digest, const BlobFile& blob) {
  try {
    quarantine(root(), digest, *blob.file);
  } catch (const Error&) {
    // A store that cannot be written: the blob stays, and is refused.
  }
}

std::unique_ptr<StoreCatalog> StoreCatalog::open(const std::filesystem::path& path, std::string own_name, Takes takes) {
  return std::make_unique<StoreCatalog>(Store::open(path), path, std::move(own_name), takes);
}

StoreCatalog::StoreCatalog(Store store, const std::filesystem::path& path, std::string own_name, Takes takes)
    : StoreReader(Dir::open_host(path), std::move(own_name)), takes_(takes), path_(path) {
  opened_.with([&](Opened& opened) {
    opened.now = std::make_shared<Store>(std::move(store));
    opened.since = Clock::now();
  });
}

std::shared_ptr<Store> StoreCatalog::store() {
  auto due = [](const Opened& opened) { return Clock::now() - opened.since > kLeaseTime; };
  auto current = opened_.with([&](Opened& opened) { return due(opened) ? nullptr : opened.now; });
  if (current) return current;
  auto next = std::make_shared<Store>(Store::open(path_));
  std::shared_ptr<Store> gone;  // closed without the lock
  return opened_.with([&](Opened& opened) {
    if (due(opened)) {
      gone = std::exchange(opened.before, std::exchange(opened.now, next));
      opened.since = Clock::now();
    }
    return opened.now;
  });
}

std::unique_ptr<BlobWriter> StoreCatalog::begin_blob() { return std::make_unique<HeldWriter>(store()); }

std::optional<std::uint64_t> StoreCatalog::hold(const Digest& digest) { return store()->blobs().find_size(digest); }

void StoreCatalog::put_manifest(const Descriptor& manifest, std::string_view bytes, const Reference& name,
                                const std::vector<Digest>& children) {
  auto open = store();
  write_blob(open->blobs(), bytes, manifest.media_type);
  publish(*open, manifest, {&name, 1});
  if (children.empty()) return;
  // The index holds them now: the names that they had by digest alone would be shown as images of their own.
  std::set<std::string> needless;
  for (const Digest& child : children) needless.insert(Reference::parse(name.name()).with_digest(child).canonical());
  for (const NamedImage& image : open->images().list())
    if (needless.contains(image.name)) open->images().remove_name(image.name);
}

bool StoreCatalog::remove_name(const Reference& name) { return store()->images().remove_name(name); }

bool StoreCatalog::remove_manifest(const std::string& repository, const Digest& digest) {
  auto open = store();
  bool removed = false, nameless = false, elsewhere = false;
  for (const NamedImage& image : open->images().list()) {
    if (image.descriptor.digest != digest) continue;
    auto name = Reference::find(image.name);
    if (image.name.empty())
      nameless = true;
    else if (name && name->name() == repository)
      removed |= open->images().remove_name(image.name);
    else
      elsewhere = true;
  }
  if (nameless && !elsewhere) open->images().remove_image(digest);
  return removed || nameless;
}

CatalogWriter::Removed StoreCatalog::remove_blob(const Digest& digest) {
  auto open = store();
  CollectionLock alone(open->root());
  if (!open->blobs().peek_size(digest)) return Removed::absent;
  std::vector<Descriptor> roots;
  for (const NamedImage& image : open->images().list()) roots.push_back(image.descriptor);
  bool needed = true;
  try {
    needed = reachable(roots, manifests_of(open->blobs())).contains(digest) ||
             open->lease().held_by_others().contains(digest.str());
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;  // nobody knows what a damaged image needs
  }
  if (needed) return Removed::needed;
  open->blobs().remove(digest);
  return Removed::gone;
}

std::uint64_t StoreCatalog::free_bytes() const { return root().free_bytes(); }

}  // namespace imgb::server
