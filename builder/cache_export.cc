#include "builder/cache_export.h"

#include "core/base/error.h"

namespace imgb {

CacheDocument cache_document(std::span<const BuiltStep> steps, CacheMode mode) {
  CacheDocument document;
  for (const BuiltStep& step : steps) {
    if (mode == CacheMode::min && !step.in_result) continue;
    document.steps.push_back({step.key, step.quick_key, document.layers.size(), step.made_at});
    document.layers.push_back(step.layer);
  }
  return canonical(document);
}

void BlobsWithinReach::add(const Descriptor& blob, Fetch fetch) {
  if (!store_.find_size(blob.digest)) far_.insert_or_assign(blob.digest, Far{blob, std::move(fetch)});
}

void BlobsWithinReach::bring(const Digest& digest) const {
  auto far = far_.find(digest);
  if (far != far_.end() && !store_.find_size(digest)) far->second.fetch(far->second.blob);
}

std::unique_ptr<Source> BlobsWithinReach::open(const Digest& digest) const {
  bring(digest);
  return store_.open(digest);
}

Fd BlobsWithinReach::open_file(const Digest& digest) const {
  bring(digest);
  return store_.open_file(digest);
}

std::optional<std::uint64_t> BlobsWithinReach::find_size(const Digest& digest) const {
  if (auto size = store_.find_size(digest)) return size;
  auto far = far_.find(digest);
  return far == far_.end() ? std::nullopt : std::optional(far->second.blob.size_bytes);
}

std::unique_ptr<BlobWriter> BlobsWithinReach::create() { return store_.create(); }
std::unique_ptr<BlobWriter> BlobsWithinReach::create_expected(const Descriptor& expected) {
  return store_.create_expected(expected);
}
void BlobsWithinReach::remove(const Digest& digest) { store_.remove(digest); }
std::vector<Digest> BlobsWithinReach::list() const { return store_.list(); }

void export_cache(const CacheDocument& document, CacheRemote& remote, Store& store, const BlobStore& blobs,
                  Progress& progress, const std::stop_token& stop) {
  Activity activity(progress, "exporting cache to " + remote.name());
  try {
    if (document.layers.empty()) {
      activity.note("there is nothing to keep");
    } else {
      Descriptor config = write_blob(store.blobs(), render(document), std::string(media_type::kCacheConfig));
      std::string manifest = render(cache_manifest(document, config));
      if (manifest.size() > kMaxManifestBytes || config.size_bytes > kMaxManifestBytes)
        throw_error(ErrorKind::unsupported, "{} steps are more than one cache may have", document.steps.size());
      Descriptor written = write_blob(store.blobs(), manifest, std::string(media_type::kOciManifest));
      activity.note(fmt::format("{}: {} steps in {} layers, {}", written.digest.str(), document.steps.size(),
                                document.layers.size(), remote.put(written, blobs, activity, stop)));
    }
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::cancelled) activity.failed(e.what());
    throw;
  }
  activity.done();
}

}  // namespace imgb
