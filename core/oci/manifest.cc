#include "core/oci/manifest.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"
#include "core/oci/json_reader.h"

namespace imgb {
namespace {

using json_reader::json;
using ordered = nlohmann::ordered_json;

constexpr std::size_t kMaxDescriptors = 100'000, kMaxLayoutDescriptors = 1'000'000;

/// Refuses documents that two readers could take for two things (V57).
std::string settled_type(const json& document, std::string_view declared) {
  json_reader::want_object(document, "manifest");
  bool has_manifests = document.contains("manifests"),
       has_layers = document.contains("layers") || document.contains("config");
  std::int64_t version = json_reader::integer_or(document, "schemaVersion", 0);
  if (version == 1) {
    throw Error(ErrorKind::unsupported, "the manifest is of schema 1, an old form that Docker itself no longer reads")
        .set_hint("push it again with a newer Docker, or: skopeo copy --format v2s2 FROM TO");
  }
  if (version != 2) throw_error(ErrorKind::corrupt, "schemaVersion is not 2");
  if (document.contains("fsLayers") || document.contains("signatures"))
    throw_error(ErrorKind::corrupt, "manifest is ambiguous: it has parts of schema 1 and of schema 2");
  if (has_manifests && has_layers)
    throw_error(ErrorKind::corrupt, "manifest is ambiguous: it has both manifests and layers");
  std::string inside = json_reader::text_or(document, "mediaType");
  if (!inside.empty() && !declared.empty() && inside != declared)
    throw_error(ErrorKind::corrupt, "manifest says it is {}, but was declared to be {}", printable(inside, 100),
                printable(declared, 100));
  std::string type = inside.empty() ? std::string(declared) : inside;
  if (type.empty()) type = has_manifests ? media_type::kOciIndex : media_type::kOciManifest;
  if (media_type::is_index(type) ? !has_manifests : has_manifests)
    throw_error(ErrorKind::corrupt, "manifest's content does not fit its type {}", printable(type, 100));
  return type;
}

std::vector<Descriptor> descriptors(const json& document, const char* key, std::size_t max = kMaxDescriptors) {
  const json& list = json_reader::get(document, key);
  if (!list.is_array() || list.size() > max) throw_error(ErrorKind::corrupt, "{} is not a list of sane length", key);
  std::vector<Descriptor> all;
  all.reserve(list.size());
  for (const json& item : list) all.push_back(json_reader::descriptor(item, key));
  return all;
}

std::optional<Descriptor> subject_of(const json& document) {
  const json* subject = json_reader::find(document, "subject");
  return subject ? std::optional(json_reader::descriptor(*subject, "subject")) : std::nullopt;
}

ordered to_json(const Descriptor& d) {
  ordered out;
  out["mediaType"] = d.media_type;
  out["digest"] = d.digest.str();
  out["size"] = d.size_bytes;
  if (!d.annotations.empty()) out["annotations"] = d.annotations;
  if (d.platform) {
    ordered& p = out["platform"];
    p["architecture"] = d.platform->architecture;
    p["os"] = d.platform->os;
    if (!d.platform->os_version.empty()) p["os.version"] = d.platform->os_version;
    if (!d.platform->variant.empty()) p["variant"] = d.platform->variant;
  }
  if (!d.artifact_type.empty()) out["artifactType"] = d.artifact_type;
  return out;
}

ordered to_json(const std::vector<Descriptor>& all) {
  ordered out = ordered::array();
  for (const Descriptor& d : all) out.push_back(to_json(d));
  return out;
}

std::string dump(const ordered& document) { return document.dump(-1, ' ', false, ordered::error_handler_t::replace); }

Index index_of(const json& document, std::string type, std::size_t max_children) {
  return Index{.media_type = std::move(type),
               .artifact_type = json_reader::text_or(document, "artifactType"),
               .manifests = descriptors(document, "manifests", max_children),
               .subject = subject_of(document),
               .annotations = json_reader::text_map(document, "annotations")};
}

/// Attestations ride in indexes as children for no platform.
bool is_runnable(const Descriptor& child) {
  if (child.annotations.contains("vnd.docker.reference.type")) return false;
  return !child.platform || (child.platform->os != "unknown" && child.platform->architecture != "unknown");
}

}  // namespace

std::variant<Manifest, Index> parse_manifest(std::string_view text, std::string_view declared_type) {
  json document = parse_json(text, kMaxManifestBytes, "manifest");
  std::string type = settled_type(document, declared_type);
  if (media_type::is_index(type)) return index_of(document, std::move(type), kMaxDescriptors);
  if (!media_type::is_manifest(type))
    throw_error(ErrorKind::corrupt, "{} is no manifest type that imgb knows", printable(type, 100));
  return Manifest{.media_type = type,
                  .artifact_type = json_reader::text_or(document, "artifactType"),
                  .config = json_reader::descriptor(json_reader::get(document, "config"), "config"),
                  .layers = descriptors(document, "layers"),
                  .subject = subject_of(document),
                  .annotations = json_reader::text_map(document, "annotations")};
}

Index parse_layout_index(std::string_view text) {
  constexpr std::size_t kMaxValuesOfEntry = 10;  // and more, where others have fewer
  json document = parse_json(text, kMaxLayoutIndexBytes, "index", kMaxLayoutDescriptors * kMaxValuesOfEntry);
  std::string type = settled_type(document, "");
  if (!media_type::is_index(type)) throw_error(ErrorKind::corrupt, "holds a manifest instead of an index");
  return index_of(document, std::move(type), kMaxLayoutDescriptors);
}

Manifest parse_image_manifest(std::string_view text, std::string_view declared_type) {
  auto parsed = parse_manifest(text, declared_type);
  if (auto* manifest = std::get_if<Manifest>(&parsed)) return std::move(*manifest);
  throw_error(ErrorKind::corrupt, "found an index where an image manifest was expected");
}

std::string render(const Manifest& manifest) {
  ordered out;
  out["schemaVersion"] = 2;
  out["mediaType"] = manifest.media_type;
  if (!manifest.artifact_type.empty()) out["artifactType"] = manifest.artifact_type;
  out["config"] = to_json(manifest.config);
  out["layers"] = to_json(manifest.layers);
  if (manifest.subject) out["subject"] = to_json(*manifest.subject);
  if (!manifest.annotations.empty()) out["annotations"] = manifest.annotations;
  return dump(out);
}

std::string render(const Index& index) {
  ordered out;
  out["schemaVersion"] = 2;
  out["mediaType"] = index.media_type;
  if (!index.artifact_type.empty()) out["artifactType"] = index.artifact_type;
  out["manifests"] = to_json(index.manifests);
  if (index.subject) out["subject"] = to_json(*index.subject);
  if (!index.annotations.empty()) out["annotations"] = index.annotations;
  return dump(out);
}

const Descriptor& choose_platform(const Index& index, const Platform& want) {
  const Descriptor* best = nullptr;
  int best_rank = 0;
  std::string there;
  for (const Descriptor& child : index.manifests) {
    if (!is_runnable(child)) continue;
    if (child.platform) there += (there.empty() ? "" : ", ") + printable(child.platform->str(), 60);
    // A child without a platform runs anywhere, but a named match is better.
    auto rank = child.platform ? match_rank(want, *child.platform) : std::optional(1000);
    if (rank && (!best || *rank < best_rank)) best = &child, best_rank = *rank;
  }
  if (best) return *best;
  throw_error(ErrorKind::not_found, "no image for {}; there is {}", want.str(), there.empty() ? "none" : there);
}

}  // namespace imgb
