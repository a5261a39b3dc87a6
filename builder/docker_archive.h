#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "core/oci/manifest.h"
#include "core/oci/reference.h"

namespace imgb {

/// One entry of the manifest.json that `docker load` reads in an archive which is an OCI layout too: paths of config
/// and layers inside of it.
nlohmann::ordered_json docker_archive_entry(const Manifest& image, std::span<const Reference> names);

}  // namespace imgb
