#include "registry/pull.h"

#include "core/base/text.h"

namespace imgb {
namespace {

bool is_image_config(std::string_view type) {
  return type == media_type::kOciConfig || type == media_type::kDockerConfig || type == "application/octet-stream";
}

FetchedManifest read_known(const BlobStore& store, const Descriptor& known) {
  std::string bytes = read_blob(store, known, kMaxManifestBytes);
  auto content = parse_manifest(bytes, known.media_type);
  Descriptor descriptor = known;
  descriptor.media_type = std::visit([](const auto& value) { return value.media_type; }, content);
  return {std::move(descriptor), std::move(bytes), std::move(content)};
}

/// What the name means, if that is in the store: a digest means itself, for a tag the registry says which it is.
std::optional<FetchedManifest> find_stored(RegistryClient& client, const Reference& name, const BlobStore& store,
                                           bool pulled_before, const std::stop_token& stop) {
  std::optional<Descriptor> meant;
  if (name.digest()) {
    meant = Descriptor{"", *name.digest(), store.find_size(*name.digest()).value_or(0), {}, {}, {}};
  } else if (pulled_before) {
    meant = client.find_manifest(name, stop);
  }
  if (!meant || store.find_size(meant->digest) != meant->size_bytes) return std::nullopt;
  try {
    return read_known(store, *meant);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;  // damaged, or not what the registry says that it is
  }
}

/// What the name means, as it is in the store afterwards.
FetchedManifest get_named(RegistryClient& client, const Reference& name, BlobStore& store, bool pulled_before,
                          Activity* activity, const std::stop_token& stop) {
  if (auto stored = find_stored(client, name, store, pulled_before, stop)) return std::move(*stored);
  FetchedManifest got = client.get_manifest(name, stop, activity);
  write_blob(store, got.bytes, got.descriptor.media_type);
  return got;
}

/// One level down: from the store when it is there.
FetchedManifest get_child(RegistryClient& client, const Reference& name, const Descriptor& child, BlobStore& store,
                          Activity* activity, const std::stop_token& stop) {
  if (!media_type::is_manifest(child.media_type) && !media_type::is_index(child.media_type)) {
    throw_error(ErrorKind::unsupported, "{}: {} is of type {:?}, not an image", name.familiar(), child.digest.str(),
                printable(child.media_type, 128));
  }
  if (store.find_size(child.digest) == child.size_bytes) return read_known(store, child);
  FetchedManifest got = client.get_manifest(name.with_digest(child.digest), stop, activity);
  if (got.bytes.size() != child.size_bytes || got.descriptor.media_type != child.media_type) {
    throw_error(ErrorKind::corrupt, "{}: {} is {} bytes of {}, its index says {} bytes of {}", name.familiar(),
                child.digest.str(), got.bytes.size(), got.descriptor.media_type, child.size_bytes, child.media_type);
  }
  write_blob(store, got.bytes, got.descriptor.media_type);
  return got;
}

}  // namespace

PulledImage pull_metadata(RegistryClient& client, const Reference& name, const Platform& platform, BlobStore& store,
                          bool pulled_before, Activity* activity, const std::stop_token& stop) {
  FetchedManifest level = get_named(client, name, store, pulled_before, activity, stop);
  const Descriptor named = level.descriptor;
  for (int depth = 0; auto* index = std::get_if<Index>(&level.content); ++depth) {
    if (depth == kMaxIndexDepth) {
      throw_error(ErrorKind::unsupported, "{}: indexes nested deeper than {}", name.familiar(), kMaxIndexDepth);
    }
    const Descriptor child =
        in_context([&] { return name.familiar(); }, [&] { return choose_platform(*index, platform); });
    level = get_child(client, name, child, store, activity, stop);
  }
  Manifest manifest = std::get<Manifest>(std::move(level.content));
  if (!is_image_config(manifest.config.media_type)) {
    throw_error(ErrorKind::unsupported, "{}: holds {:?}, which is not an image", name.familiar(),
                printable(manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type, 128));
  }
  if (manifest.config.size_bytes > kMaxManifestBytes) {
    throw_error(ErrorKind::corrupt, "{}: its config is {} bytes long", name.familiar(), manifest.config.size_bytes);
  }
  client.fetch_blob(name, manifest.config, store, nullptr, activity, stop);
  ImageConfig config =
      in_context([&] { return fmt::format("{}: config {}", name.familiar(), manifest.config.digest.str()); },
                 [&] { return parse_image_config(read_blob(store, manifest.config, kMaxManifestBytes)); });
  return {named, level.descriptor, std::move(manifest), std::move(config)};
}

}  // namespace imgb
