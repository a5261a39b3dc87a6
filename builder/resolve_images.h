#pragma once
#include <map>
#include <stop_token>
#include <vector>

#include "builder/build.h"
#include "builder/build_plan.h"

namespace imgb {

/// An image that a plan needs, and the lines that name it.
struct WantedImage {
  InputId input;
  ImageInput image;
  LineRange lines;
};

/// Asks for manifests and configs of images, all at once; no layers move. Borrows all it is made with.
class ImageResolver {
 public:
  /// `images`: whose images a lock speaks of.
  ImageResolver(const Dockerfile& file, const BuildRequest& request, BaseImageSource& images, Progress& progress,
                std::stop_token stop)
      : file_(file), request_(request), images_(images), progress_(progress), stop_(std::move(stop)) {}

  /// DockerfileError with the lines, and what the name may have been meant to be; Error(cancelled).
  BaseImage resolve(const WantedImage& wanted) const;
  std::map<InputId, BaseImage> resolve_all(const std::vector<WantedImage>& wanted) const;

 private:
  std::string nearest_stage(std::string_view name) const;
  BaseImage ask(const ImageInput& image, Activity& activity) const;

  const Dockerfile& file_;
  const BuildRequest& request_;
  BaseImageSource& images_;
  Progress& progress_;
  std::stop_token stop_;
};

}  // namespace imgb
