#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/store/local_image.h"

namespace imgb {

/// What `imgb inspect` prints for an image: Docker's fields.
nlohmann::ordered_json inspect_json(const LocalImage& image);

/// One row of `imgb images` for each name of the image, or one with "<none>".
struct ImageRowOptions {
  bool full_ids = false;
  Nanoseconds now = 0;
};
std::vector<nlohmann::ordered_json> image_rows(const LocalImage& image, const ImageRowOptions& options);

}  // namespace imgb
