#pragma once
#include <nlohmann/json_fwd.hpp>
#include <stop_token>

#include "core/oci/platform.h"
#include "core/store/image_places.h"

namespace imgb {

/// What `imgb inspect` shows of an image that is not in the store: as of one that is, with the digest that the name
/// means and the platforms there are; of what is no image (an artifact) the manifest. No layer is moved.
nlohmann::ordered_json inspect_place_json(ImageReader& from, const Platform& platform, bool with_referrers,
                                          const std::stop_token& stop);
/// The same of what refers to it.
nlohmann::ordered_json referrers_json(ImageReader& from, const Digest& subject, const std::stop_token& stop);

}  // namespace imgb
