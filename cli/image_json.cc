#include "cli/image_json.h"

#include <nlohmann/json.hpp>

#include "cli/listing.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

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
  for (const std::string& name : image.names) {
    Reference reference = Reference::parse(name);
    (reference.digest() ? digests : tags).push_back(reference.familiar());
  }
  Json config = Json::parse(image.config_json);
  Json json{{"Id", image.id().str()},
            {"RepoTags", tags},
            {"RepoDigests", digests},
            {"Comment", image.config.history.empty() ? "" : image.config.history.back().comment},
            {"Created", image.config.created ? render_rfc3339(*image.config.created) : ""},
            {"Author", image.config.author},
            {"Architecture", image.config.platform.architecture},
            {"Os", image.config.platform.os},
            {"Size", image.size_bytes()},
            {"Config", config.value("config", Json::object())},
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
    Reference reference = Reference::parse(name);
    add(Reference::parse(reference.name()).familiar(), reference.tag().value_or("<none>"));
  }
  if (rows.empty()) add("<none>", "<none>");
  return rows;
}

}  // namespace imgb
