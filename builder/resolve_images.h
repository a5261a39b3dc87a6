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
  ImageResolver(const Dockerfile& file, PullPolicy pull, Progress& progress, std::stop_token stop)
      : file_(file), pull_(pull), progress_(progress), stop_(std::move(stop)) {}

  /// DockerfileError with the lines, and what the name may have been meant to be; Error(cancelled).
  BaseImage resolve(const WantedImage& wanted) const;
  std::map<InputId, BaseImage> resolve_all(const std::vector<WantedImage>& wanted) const;

 private:
  std::string nearest_stage(std::string_view name) const;

  const Dockerfile& file_;
  PullPolicy pull_;
  Progress& progress_;
  std::stop_token stop_;
};

}  // namespace imgb
