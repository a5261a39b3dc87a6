#include "core/store/joined_images.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/image_config.h"
#include "core/store/copy_image.h"

namespace imgb {
namespace {

bool is_attestation(const Descriptor& entry) { return entry.platform && entry.platform->os == "unknown"; }

Platform platform_of(ImageReader& from, const Manifest& image, const std::stop_token& stop) {
  const Descriptor& config = image.config;
  if (config.size_bytes > kMaxManifestBytes)
    throw_error(ErrorKind::corrupt, "config {} is {} bytes long", config.digest.str(), config.size_bytes);
  auto bytes = from.open_blob(config, 0, nullptr, stop);
  return parse_image_config(read_all(*bytes, kMaxManifestBytes, config.digest.str())).platform;
}

}  // namespace

void JoinedImages::add(std::unique_ptr<ImageReader> owned, const std::vector<Platform>& platforms,
                       const std::stop_token& stop) {
  ImageReader& source = *sources_.emplace_back(std::move(owned));
  in_context([&] { return source.name(); },
             [&] {
               FetchedManifest image = source.get_named(nullptr, stop);
               if (auto* index = std::get_if<Index>(&image.content)) {
                 std::set<Digest> wanted = children_for(*index, platforms);
                 for (Descriptor& entry : index->manifests)
                   if (wanted.contains(entry.digest)) add_entry(std::move(entry), source);
                 return;
               }
               Descriptor entry = image.descriptor;
               entry.platform = platform_of(source, std::get<Manifest>(image.content), stop);
               note(image, source);
               add_entry(std::move(entry), source);
             });
}

void JoinedImages::add_entry(Descriptor entry, ImageReader& source) {
  bool known =
      std::ranges::any_of(index_.manifests, [&](const Descriptor& there) { return there.digest == entry.digest; });
  if (known) return;
  if (entry.platform && !is_attestation(entry))
    for (const Descriptor& there : index_.manifests)
      if (there.platform == entry.platform)
        throw_error(ErrorKind::input, "there are two images for {}: {} and {}", entry.platform->str(),
                    there.digest.str(), entry.digest.str());
  where_.with([&](auto& where) { where.try_emplace(entry.digest, &source); });
  index_.manifests.push_back(std::move(entry));
}

void JoinedImages::annotate(const Platform& platform, const std::string& key, const std::string& value) {
  auto entry = std::ranges::find(index_.manifests, std::optional(platform), &Descriptor::platform);
  if (entry == index_.manifests.end()) throw_error(ErrorKind::input, "there is no image for {}", platform.str());
  entry->annotations[key] = value;
}

/// What a manifest refers to is where the manifest is.
void JoinedImages::note(const FetchedManifest& manifest, ImageReader& source) {
  where_.with([&](auto& where) {
    where.try_emplace(manifest.descriptor.digest, &source);
    if (const auto* index = std::get_if<Index>(&manifest.content)) {
      for (const Descriptor& child : index->manifests) where.try_emplace(child.digest, &source);
      return;
    }
    const Manifest& image = std::get<Manifest>(manifest.content);
    where.try_emplace(image.config.digest, &source);
    for (const Descriptor& layer : image.layers) where.try_emplace(layer.digest, &source);
  });
}

ImageReader& JoinedImages::source_of(const Digest& digest) const {
  return where_.with([&](const auto& where) -> ImageReader& {
    auto found = where.find(digest);
    if (found == where.end()) throw_error(ErrorKind::not_found, "{} is in none of the images", digest.str());
    return *found->second;
  });
}

FetchedManifest JoinedImages::get_named(Activity*, const std::stop_token&) {
  bool all_docker = std::ranges::all_of(index_.manifests, [](const Descriptor& entry) {
    return entry.media_type == media_type::kDockerManifest && entry.annotations.empty();
  });
  Index index = index_;
  index.media_type = all_docker && index.annotations.empty() ? media_type::kDockerIndex : media_type::kOciIndex;
  std::string bytes = render(index);
  Descriptor descriptor{index.media_type, Digest::of(bytes), bytes.size(), {}, {}, {}};
  return {std::move(descriptor), std::move(bytes), std::move(index)};
}

FetchedManifest JoinedImages::get_manifest(const Descriptor& manifest, Activity* activity,
                                           const std::stop_token& stop) {
  ImageReader& source = source_of(manifest.digest);
  FetchedManifest got = source.get_manifest(manifest, activity, stop);
  note(got, source);
  return got;
}

std::vector<Descriptor> JoinedImages::list_referrers(const Digest& subject, Activity* activity,
                                                     const std::stop_token& stop) {
  auto known = where_.with([&](const auto& where) { return where.contains(subject); });
  if (!known) return {};  // the index itself is new
  ImageReader& source = source_of(subject);
  std::vector<Descriptor> referrers = source.list_referrers(subject, activity, stop);
  where_.with([&](auto& where) {
    for (const Descriptor& referrer : referrers) where.try_emplace(referrer.digest, &source);
  });
  return referrers;
}

std::unique_ptr<Source> JoinedImages::open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity* activity,
                                                const std::stop_token& stop) {
  return source_of(blob.digest).open_blob(blob, from_bytes, activity, stop);
}

void JoinedImages::fetch_blob(const Descriptor& blob, BlobLanding& into, Activity* activity,
                              const std::stop_token& stop) {
  source_of(blob.digest).fetch_blob(blob, into, activity, stop);
}

}  // namespace imgb
