#include "cli/build_report.h"

#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace imgb {

std::string render_metadata(const Descriptor& manifest, const BuildResult& result, std::span<const Reference> names) {
  using Json = nlohmann::ordered_json;
  Json descriptor{
      {"mediaType", manifest.media_type},
      {"digest", manifest.digest.str()},
      {"size", manifest.size_bytes},
      {"platform", {{"architecture", result.config.platform.architecture}, {"os", result.config.platform.os}}}};
  if (!result.config.platform.variant.empty()) descriptor["platform"]["variant"] = result.config.platform.variant;
  Json json{{"containerimage.config.digest", result.config_digest.str()},
            {"containerimage.descriptor", descriptor},
            {"containerimage.digest", manifest.digest.str()}};
  std::vector<std::string> texts;
  for (const Reference& name : names) texts.push_back(name.canonical());
  if (!texts.empty()) json["image.name"] = join(texts, ",");
  if (!result.warnings.empty()) {
    json["buildx.build.warnings"] = Json::array();
    for (const std::string& warning : result.warnings) json["buildx.build.warnings"].push_back({{"short", warning}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace imgb
