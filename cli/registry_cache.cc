#include "cli/registry_cache.h"

#include "cli/build_push.h"
#include "core/base/error.h"

namespace imgb {

Manifest RegistryCache::get_manifest(const Platform& platform, Activity& activity, const std::stop_token& stop) {
  FetchedManifest level = access_.client.get_manifest(name_, stop, &activity);
  for (int depth = 0; const auto* index = std::get_if<Index>(&level.content); ++depth) {
    if (depth == kMaxIndexDepth) throw_error(ErrorKind::unsupported, "indexes nested deeper than {}", kMaxIndexDepth);
    Digest child = choose_platform(*index, platform).digest;
    level = access_.client.get_manifest(name_.with_digest(child), stop, &activity);
  }
  return std::get<Manifest>(std::move(level.content));
}

std::optional<CacheRemote::Content> RegistryCache::find(const Platform& platform, Activity& activity,
                                                        std::stop_token stop) {
  std::optional<Manifest> manifest;
  try {
    manifest = get_manifest(platform, activity, stop);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found) return std::nullopt;
    throw;
  }
  const Descriptor config = manifest->config;
  if (config.size_bytes > kMaxManifestBytes)
    throw_error(ErrorKind::corrupt, "its config is {} bytes long", config.size_bytes);
  access_.client.fetch_blob(name_, config, store_.blobs(), nullptr, &activity, stop);
  return Content{*std::move(manifest), read_blob(store_.blobs(), config, kMaxManifestBytes)};
}

void RegistryCache::fetch(const Descriptor& blob, Activity& activity, std::stop_token stop) {
  access_.client.fetch_blob(name_, blob, store_.blobs(), nullptr, &activity, std::move(stop));
}

std::string RegistryCache::put(const Descriptor& manifest, const BlobStore& blobs, Activity& activity,
                               std::stop_token stop) {
  return send_image(access_, manifest, name_, blobs, mounts_, activity, stop);
}

}  // namespace imgb
