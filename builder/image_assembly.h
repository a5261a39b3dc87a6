#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "builder/step_services.h"
#include "core/oci/image_config.h"
#include "core/oci/manifest.h"

namespace imgb {

/// Makes a base's history fit its layers: one entry that is not empty per layer, as BuildKit repairs it.
void fit_history(ImageConfig& config);

/// Fills in what was not known while the stage was lowered: diff_ids, and the times of history entries that have none.
/// A layer's entry gets the time its layer was made, another the time of the last layer before it (or else the first
/// one after), so a build that finds everything in the cache gives the same image. `now`: when there is no layer at
/// all.
void finish_config(ImageConfig& config, const FileSystem& files, Nanoseconds now);

/// The OCI manifest of an image: Docker's layer types become OCI's.
Manifest make_manifest(const Descriptor& config, const std::vector<Layer>& layers,
                       const std::map<std::string, std::string>& annotations);

/// A layer's media type in the other family; unchanged when it has none there.
std::string oci_type_of(const std::string& layer_type);
std::string docker_type_of(const std::string& layer_type);

}  // namespace imgb
