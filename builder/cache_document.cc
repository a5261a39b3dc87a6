#include "builder/cache_document.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"
#include "core/oci/json_reader.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;
using json_reader::json;

constexpr std::int64_t kVersion = 1;
constexpr const char* kVersionKey = "imgbCache";
constexpr const char* kInlineKey = "imgb.cache.v1";
constexpr std::size_t kMaxIdBytes = 4096;

Json to_json(const CacheDocument& document) {
  Json out{{kVersionKey, kVersion}, {"layers", Json::array()}, {"steps", Json::array()}};
  for (const Layer& layer : document.layers)
    out["layers"].push_back({{"digest", layer.blob.digest.str()}, {"diffID", layer.diff_id.digest.str()}});
  for (const CacheDocument::Step& step : document.steps) {
    Json one{{"key", step.key.str()}};
    if (step.quick_key) one["quickKey"] = step.quick_key->str();
    one["layer"] = step.layer;
    one["made"] = step.made_at;
    out["steps"].push_back(std::move(one));
  }
  for (const CacheDocument::Mount& mount : document.mounts)
    out["mounts"].push_back({{"id", text_of_bytes(mount.id)}, {"name", mount.name}, {"layer", mount.layer}});
  return out;
}

const json& array(const json& object, const char* key) {
  static const json kNothing = json::array();
  const json* value = json_reader::find(object, key);
  if (value && !value->is_array()) throw_error(ErrorKind::corrupt, "{} is not an array", key);
  return value ? *value : kNothing;
}

/// A folder's name is a hash: nothing else is ever made into a path.
bool is_mount_name(std::string_view name) {
  return name.size() == 64 &&
         std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class Reader {
 public:
  Reader(const json& document, std::span<const Descriptor> blobs) : json_(document) {
    for (const Descriptor& blob : blobs)
      if (compression_of_layer(blob.media_type)) blobs_.emplace(blob.digest, blob);
  }

  CacheDocument read() {
    json_reader::want_object(json_, "build cache");
    std::int64_t version = json_reader::integer_or(json_, kVersionKey, 0);
    if (version > kVersion) throw_error(ErrorKind::unsupported, "build cache of version {}, of a newer imgb", version);
    if (version != kVersion) throw_error(ErrorKind::corrupt, "no build cache of imgb");
    for (const json& layer : array(json_, "layers")) read_layer(layer);
    for (const json& step : array(json_, "steps")) read_step(step);
    for (const json& mount : array(json_, "mounts")) read_mount(mount);
    return std::move(out_);
  }

 private:
  void read_layer(const json& layer) {
    json_reader::want_object(layer, "layer");
    Digest digest = json_reader::digest(json_reader::get(layer, "digest"), "layer");
    DiffId diff_id{json_reader::digest(json_reader::get(layer, "diffID"), "diffID")};
    auto blob = blobs_.find(digest);
    places_.push_back(blob == blobs_.end() ? std::nullopt : std::optional(out_.layers.size()));
    if (blob == blobs_.end()) return;
    Descriptor plain{.media_type = blob->second.media_type, .digest = digest, .size_bytes = blob->second.size_bytes};
    out_.layers.push_back({std::move(plain), diff_id});
  }
  std::optional<std::size_t> layer_of(const json& entry) const {
    std::int64_t number = json_reader::integer_or(entry, "layer", -1);
    if (number < 0 || static_cast<std::size_t>(number) >= places_.size())
      throw_error(ErrorKind::corrupt, "there is no layer {}", number);
    return places_[static_cast<std::size_t>(number)];
  }
  void read_step(const json& entry) {
    json_reader::want_object(entry, "step");
    CacheDocument::Step step{.key = json_reader::digest(json_reader::get(entry, "key"), "key"), .quick_key = {}};
    if (const json* quick = json_reader::find(entry, "quickKey"))
      step.quick_key = json_reader::digest(*quick, "quickKey");
    step.made_at = json_reader::integer_or(entry, "made", 0);
    auto layer = layer_of(entry);
    if (!layer) return;
    step.layer = *layer;
    out_.steps.push_back(std::move(step));
  }
  void read_mount(const json& entry) {
    json_reader::want_object(entry, "mount");
    CacheDocument::Mount mount{.id = bytes_of_text(json_reader::text_or(entry, "id")),
                               .name = json_reader::text_or(entry, "name")};
    if (mount.id.size() > kMaxIdBytes || !is_mount_name(mount.name))
      throw_error(ErrorKind::corrupt, "bad cache mount {:?}", printable(mount.name, 80));
    auto layer = layer_of(entry);
    if (!layer) return;
    mount.layer = *layer;
    out_.mounts.push_back(std::move(mount));
  }

  const json& json_;
  std::map<Digest, Descriptor> blobs_;
  std::vector<std::optional<std::size_t>> places_;  ///< In out_.layers, by number in the document.
  CacheDocument out_;
};

}  // namespace

CacheDocument canonical(const CacheDocument& document) {
  std::map<LayerKey, Layer> layers;
  std::map<Digest, CacheDocument::Step> steps;
  std::map<std::string, CacheDocument::Mount> mounts;
  for (const CacheDocument::Step& step : document.steps) steps.try_emplace(step.key, step);
  for (const CacheDocument::Mount& mount : document.mounts) mounts.try_emplace(mount.name, mount);
  auto use = [&](std::size_t layer) {
    layers.try_emplace(key_of(document.layers.at(layer)), document.layers.at(layer));
  };
  for (const auto& [key, step] : steps) use(step.layer);
  for (const auto& [name, mount] : mounts) use(mount.layer);
  CacheDocument out;
  std::map<LayerKey, std::size_t> numbers;
  for (const auto& [key, layer] : layers) {
    numbers.emplace(key, out.layers.size());
    out.layers.push_back(layer);
  }
  for (auto& [key, step] : steps) {
    step.layer = numbers.at(key_of(document.layers[step.layer]));
    out.steps.push_back(std::move(step));
  }
  for (auto& [name, mount] : mounts) {
    mount.layer = numbers.at(key_of(document.layers[mount.layer]));
    out.mounts.push_back(std::move(mount));
  }
  return out;
}

std::string render(const CacheDocument& document) { return to_json(document).dump(); }

Manifest cache_manifest(const CacheDocument& document, const Descriptor& config) {
  Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                    .artifact_type = std::string(media_type::kCache),
                    .config = config};
  for (const Layer& layer : document.layers)
    if (std::ranges::count(manifest.layers, layer.blob.digest, &Descriptor::digest) == 0)
      manifest.layers.push_back(
          {.media_type = layer.blob.media_type, .digest = layer.blob.digest, .size_bytes = layer.blob.size_bytes});
  return manifest;
}

CacheDocument parse_cache_document(std::string_view text, std::span<const Descriptor> blobs) {
  json document = parse_json(text, kMaxManifestBytes, "build cache");
  return Reader(document, blobs).read();
}

std::string with_inline_cache(std::string_view image_config, const CacheDocument& document) {
  Json config = Json::parse(image_config);
  config[kInlineKey] = to_json(document);
  return config.dump();
}

std::optional<CacheDocument> find_inline_cache(std::string_view image_config, std::span<const Descriptor> blobs) {
  json config = parse_json(image_config, kMaxManifestBytes, "image config");
  const json* document = config.is_object() ? json_reader::find(config, kInlineKey) : nullptr;
  return document ? std::optional(Reader(*document, blobs).read()) : std::nullopt;
}

}  // namespace imgb
