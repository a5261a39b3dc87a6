#include "cli/image_json.h"

#include <nlohmann/json.hpp>
#include <set>

#include "cli/listing.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNone = "<none>";

Json descriptor_json(const Descriptor& descriptor) {
  Json json{{"mediaType", descriptor.media_type}, {"digest", descriptor.digest.str()}, {"size", descriptor.size_bytes}};
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  return json;
}

Json layer_list(const LocalImage& image) {
  Json layers = Json::array();
  for (const DiffId& layer : image.config.diff_ids) layers.push_back(layer.digest.str());
  return layers;
}

}  // namespace

Json inspect_json(const LocalImage& image) {
  Json tags = Json::array(), digests = Json::array();
  std::set<std::string> repositories;
  for (const std::string& name : image.names) {
    auto reference = Reference::find(name);
    if (!reference || !reference->digest()) tags.push_back(familiar_name(name));
    if (reference) repositories.insert(familiar_name(reference->name()));
  }
  for (const std::string& repository : repositories)
    digests.push_back(repository + "@" + image.descriptor.digest.str());
  // Sorted: a stranger's config may have more keys than an ordered object is made for.
  nlohmann::json config = nlohmann::json::parse(image.config_json);
  Json json{{"Id", image.id().str()},
            {"RepoTags", tags},
            {"RepoDigests", digests},
            {"Comment", image.config.history.empty() ? "" : image.config.history.back().comment},
            {"Created", image.config.created ? render_rfc3339(*image.config.created) : ""},
            {"Author", image.config.author},
            {"Architecture", image.config.platform.architecture},
            {"Os", image.config.platform.os},
            {"Size", image.size_bytes()},
            {"Config", Json(config.value("config", nlohmann::json::object()))},
            {"RootFS", {{"Type", "layers"}, {"Layers", layer_list(image)}}},
            {"Descriptor", descriptor_json(image.descriptor)}};
  if (!image.config.platform.variant.empty()) json["Variant"] = image.config.platform.variant;
  Json layers = Json::array();
  for (const Descriptor& layer : image.manifest.layers) layers.push_back(descriptor_json(layer));
  json["Manifest"] = {{"Config", descriptor_json(image.manifest.config)}, {"Layers", layers}};
  if (!image.manifest.annotations.empty()) json["Manifest"]["Annotations"] = image.manifest.annotations;
  return json;
}

std::vector<Json> image_rows(const LocalImage& image, const ImageRowOptions& options) {
  std::string id = options.full_ids ? image.id().str() : image.id().short_hex();
  Json common{{"ID", id},
              {"Digest", image.descriptor.digest.str()},
              {"CreatedAt", image.config.created ? render_rfc3339(*image.config.created) : ""},
              {"CreatedSince", image.config.created ? render_age(options.now - *image.config.created) + " ago" : "N/A"},
              {"Size", render_size(image.size_bytes())}};
  std::vector<Json> rows;
  auto add = [&](const std::string& repository, const std::string& tag) {
    Json row{{"Repository", repository}, {"Tag", tag}};
    row.update(common);
    rows.push_back(std::move(row));
  };
  for (const std::string& name : image.names) {
    auto reference = Reference::find(name);
    add(reference ? familiar_name(reference->name()) : name, reference ? reference->tag().value_or(kNone) : kNone);
  }
  if (rows.empty()) add(kNone, kNone);
  return rows;
}

}  // namespace imgb
