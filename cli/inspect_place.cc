#include "cli/inspect_place.h"

#include <nlohmann/json.hpp>

#include "cli/image_json.h"
#include "core/base/error.h"
#include "core/store/local_image.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

Json platforms_json(const Index& index) {
  Json platforms = Json::array();
  for (const Descriptor& entry : index.manifests)
    platforms.push_back({{"Platform", entry.platform ? entry.platform->str() : ""},
                         {"MediaType", entry.media_type},
                         {"Digest", entry.digest.str()},
                         {"Size", entry.size_bytes}});
  return platforms;
}

bool is_image(const Manifest& manifest) {
  return manifest.artifact_type.empty() && (manifest.config.media_type == media_type::kOciConfig ||
                                            manifest.config.media_type == media_type::kDockerConfig);
}

/// The image for the platform, read as one of the store is.
LocalImage read_image(ImageReader& from, const FetchedManifest& named, const Platform& platform,
                      const std::stop_token& stop) {
  FetchedManifest at = named;
  for (int depth = 0; const auto* index = std::get_if<Index>(&at.content); ++depth) {
    if (depth == kMaxIndexDepth) throw_error(ErrorKind::unsupported, "indexes nested deeper than {}", kMaxIndexDepth);
    Descriptor child = choose_platform(*index, platform);
    at = from.get_manifest(child, nullptr, stop);
  }
  LocalImage image{at.descriptor, std::get<Manifest>(at.content), {}, {}, {}};
  if (!is_image(image.manifest)) return image;
  const Descriptor& config = image.manifest.config;
  if (config.size_bytes > kMaxManifestBytes)
    throw_error(ErrorKind::corrupt, "config {} is {} bytes long", config.digest.str(), config.size_bytes);
  image.config_json = read_all(*from.open_blob(config, 0, nullptr, stop), kMaxManifestBytes, config.digest.str());
  image.config = parse_image_config(image.config_json);
  return image;
}

}  // namespace

Json referrers_json(ImageReader& from, const Digest& subject, const std::stop_token& stop) {
  Json referrers = Json::array();
  for (const Descriptor& referrer : from.list_referrers(subject, nullptr, stop)) {
    Json one{{"Digest", referrer.digest.str()},
             {"MediaType", referrer.media_type},
             {"ArtifactType", referrer.artifact_type},
             {"Size", referrer.size_bytes}};
    if (!referrer.annotations.empty()) one["Annotations"] = referrer.annotations;
    referrers.push_back(std::move(one));
  }
  return referrers;
}

Json inspect_place_json(ImageReader& from, const Platform& platform, bool with_referrers, const std::stop_token& stop) {
  FetchedManifest named = from.get_named(nullptr, stop);
  Json json{
      {"Name", from.name()}, {"Digest", named.descriptor.digest.str()}, {"MediaType", named.descriptor.media_type}};
  if (const auto* index = std::get_if<Index>(&named.content)) json["Manifests"] = platforms_json(*index);
  if (with_referrers) json["Referrers"] = referrers_json(from, named.descriptor.digest, stop);
  LocalImage image = read_image(from, named, platform, stop);
  // Sorted: a stranger's document may have more keys than an ordered object is made for.
  Json rest = image.config_json.empty() ? Json(nlohmann::json::parse(render(image.manifest))) : inspect_json(image);
  for (auto& [key, value] : rest.items()) json[key] = value;
  return json;
}

}  // namespace imgb
