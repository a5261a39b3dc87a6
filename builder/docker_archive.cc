#include "builder/docker_archive.h"

#include <nlohmann/json.hpp>

#include "core/store/layout.h"

namespace imgb {

nlohmann::ordered_json docker_archive_entry(const Manifest& image, std::span<const Reference> names) {
  nlohmann::ordered_json entry;
  entry["Config"] = layout::blob(image.config.digest);
  entry["RepoTags"] = nlohmann::ordered_json::array();
  for (const Reference& name : names) entry["RepoTags"].push_back(name.familiar());
  entry["Layers"] = nlohmann::ordered_json::array();
  for (const Descriptor& layer : image.layers) entry["Layers"].push_back(layout::blob(layer.digest));
  return entry;
}

}  // namespace imgb
