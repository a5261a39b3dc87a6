#include "cli/image_origin.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";

std::string blob_path(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.str().substr(0, digest.str().find(':')), digest.hex());
}

// The annotation holds a tag, or, as many tools write it, a whole name.
bool has_name(const Descriptor& image, const std::string& tag) {
  auto found = image.annotations.find(std::string(kRefName));
  if (found == image.annotations.end()) return false;
  return found->second == tag || found->second.ends_with(":" + tag);
}

const Descriptor& choose_image(const Index& index, const Reference& name, const std::string& layout) {
  for (const Descriptor& image : index.manifests) {
    if (name.digest() && image.digest == *name.digest()) return image;
    if (!name.digest() && name.tag() && has_name(image, *name.tag())) return image;
  }
  if (!name.digest() && index.manifests.size() == 1 && name.tag().value_or("latest") == "latest")
    return index.manifests[0];
  throw_error(ErrorKind::not_found, "{} holds no image {}", layout,
              name.digest() ? name.digest()->str() : name.tag().value_or("latest"));
}

}  // namespace

PulledImage RegistryOrigin::get_metadata(const Reference& name, const Platform& platform, Activity& activity,
                                         std::stop_token stop) {
  bool pulled_before = store_.images().find(name).has_value();
  return pull_metadata(access_.client, name, platform, store_.blobs(), pulled_before, &activity, stop);
}

void RegistryOrigin::fetch_blob(const Reference& repository, const Descriptor& blob, BlobTap* tap, Activity& activity,
                                std::stop_token stop) {
  access_.client.fetch_blob(repository, blob, store_.blobs(), tap, &activity, std::move(stop));
}

LayoutOrigin::LayoutOrigin(Store& store, Dir layout) : store_(store), layout_(std::move(layout)) {
  constexpr std::uint64_t kMaxMarkerBytes = 64 * 1024;
  if (!layout_.find_content("oci-layout", kMaxMarkerBytes))
    throw_error(ErrorKind::input, "{} is no OCI image layout: it has no file oci-layout", layout_.name());
  auto index = parse_manifest(layout_.read_file("index.json", kMaxManifestBytes), media_type::kOciIndex);
  if (!std::holds_alternative<Index>(index))
    throw_error(ErrorKind::corrupt, "{}: index.json is no index", layout_.name());
  index_ = std::get<Index>(std::move(index));
}

std::string LayoutOrigin::read(const Descriptor& blob) const {
  if (blob.size_bytes > kMaxManifestBytes)
    throw_error(ErrorKind::corrupt, "{}: {} is {} bytes long", layout_.name(), blob.digest.str(), blob.size_bytes);
  auto file = std::make_unique<FdSource>(layout_.open_file(blob_path(blob.digest), O_RDONLY), blob.digest.str());
  VerifyingSource verified(std::move(file), blob.digest, blob.size_bytes);
  return read_all(verified, kMaxManifestBytes, blob.digest.str());
}

PulledImage LayoutOrigin::get_metadata(const Reference& name, const Platform& platform, Activity&, std::stop_token) {
  Found found = get_image(name, platform);
  return {std::move(found.named), std::move(found.at), std::move(found.manifest), parse_image_config(found.config)};
}

LayoutOrigin::Found LayoutOrigin::get_image(const Reference& name, const Platform& platform) {
  Descriptor at = choose_image(index_, name, layout_.name());
  const Descriptor named = at;
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    std::string json = read(at);
    auto parsed = parse_manifest(json, at.media_type);
    write_blob(store_.blobs(), json, at.media_type);
    if (const auto* index = std::get_if<Index>(&parsed)) {
      Descriptor child = choose_platform(*index, platform);
      at = std::move(child);
      continue;
    }
    Manifest manifest = std::get<Manifest>(std::move(parsed));
    std::string config = read(manifest.config);
    write_blob(store_.blobs(), config, manifest.config.media_type);
    return {named, at, std::move(manifest), std::move(config)};
  }
  throw_error(ErrorKind::unsupported, "{}: indexes nested deeper than {}", layout_.name(), kMaxIndexDepth);
}

void LayoutOrigin::fetch_blob(const Reference&, const Descriptor& blob, BlobTap* tap, Activity& activity,
                              std::stop_token stop) {
  auto writer = store_.blobs().create_expected(blob);
  if (writer) {
    // A part that an earlier attempt left is read over: this file is near.
    std::uint64_t skip = writer->size_bytes(), done = 0;
    FdSource file(layout_.open_file(blob_path(blob.digest), O_RDONLY), blob.digest.str());
    std::vector<std::byte> buffer(kStreamBufferBytes);
    while (std::size_t got = file.read(buffer)) {
      throw_if_stopped(stop);
      auto bytes = std::span<const std::byte>(buffer).first(got);
      if (done + got > skip) writer->write(bytes.subspan(done < skip ? skip - done : 0));
      done += got;
      activity.bytes(blob.digest.short_hex(), done, blob.size_bytes);
    }
    writer->commit(blob.media_type);
  }
  if (tap) {
    auto stored = store_.blobs().open(blob.digest);
    copy(*stored, *tap);
  }
}

}  // namespace imgb
