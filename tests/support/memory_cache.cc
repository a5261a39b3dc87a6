#include "tests/support/memory_cache.h"

#include "core/base/error.h"

namespace imgb {

void MemoryCache::check() const {
  if (hub_.is_away) throw_error(ErrorKind::unavailable, "nobody answers");
}

std::optional<CacheRemote::Content> MemoryCache::find(const Platform&, Activity&, std::stop_token) {
  check();
  return hub_.content;
}

void MemoryCache::fetch(const Descriptor& blob, Activity&, std::stop_token) {
  check();
  std::lock_guard hold(mutex_);
  auto at = hub_.blobs.find(blob.digest);
  if (at == hub_.blobs.end()) throw_error(ErrorKind::not_found, "no blob {}", blob.digest.str());
  hub_.moved_out.push_back(blob.digest);
  auto writer = store_.blobs().create_expected(blob);
  if (!writer) return;
  writer->write(as_bytes(at->second));
  writer->commit(blob.media_type);
}

std::string MemoryCache::put(const Descriptor& manifest, const BlobStore& blobs, Activity&, std::stop_token) {
  check();
  Content content{parse_image_manifest(read_blob(blobs, manifest, kMaxManifestBytes), manifest.media_type), {}};
  content.config = read_blob(blobs, content.manifest.config, kMaxManifestBytes);
  for (const Descriptor& layer : content.manifest.layers) {
    if (hub_.blobs.contains(layer.digest)) continue;
    hub_.blobs[layer.digest] = read_blob(blobs, layer, layer.size_bytes);
    hub_.moved_in.push_back(layer.digest);
  }
  hub_.content = std::move(content);
  return "";
}

}  // namespace imgb
